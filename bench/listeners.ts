// Started by bench/benches.ts as a process of its own: so many subscribers (argv[3]) at a server (argv[2]), who ask for what people said where
// argv[4] is `words`. Says `ready`, and when its standard
// input ends how long after it was accepted each alert event came to each of them, in ms.
import { once } from 'node:events'
import { WebSocket } from 'ws'

const [, , url = '', count = '0', words] = process.argv
const QUERY = `subscription { riskAlerts { cursor event { kind at } alert { id level status version user { userId currentRisk }
  ${words === 'words' ? 'trigger { query response }' : 'occurrences raisedAt lastSeenAt'} } } }`
const took: number[] = []

async function subscribe(): Promise<void> {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws')
  await once(socket, 'open')
  socket.send('{"type":"connection_init"}')
  await once(socket, 'message')
  socket.on('message', (data) => {
    const at = /"at":"([^"]+)"/.exec(String(data))?.[1]
    if (at) took.push(Date.now() - Date.parse(at))
    else if (String(data).startsWith('{"type":"ping"')) socket.send('{"type":"pong"}')
  })
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: QUERY } }))
}

for (let i = 0; i < Number(count); i += 50) await Promise.all(Array.from({ length: Math.min(50, Number(count) - i) }, subscribe))
process.stdout.write('ready\n')
process.stdin.resume()
await once(process.stdin, 'end')
process.stdout.write(JSON.stringify(took), () => process.exit(0))
