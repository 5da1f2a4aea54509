import fc from 'fast-check'
import { attacks, launch } from './attacks.ts'
import { startTarget, type Target } from './server.ts'

/** What tells of the inside: stacks, paths, modules, texts of stores. */
const INTERNAL =
  /HTTP\/1\.1 5\d\d|INTERNAL_SERVER_ERROR|"stack"|\bat [\w.<>]+ \(|node_modules|\/src\/|\.ts:\d|SQLITE_|SqliteError|ReplyError|ECONN/
const AT_ONCE = 8
const MOST_GROWTH_MB = 64

export interface Fuzzed {
  attacks: number
  warmMb: number
  endMb: number
}

/**
 * Throws malformed HTTP, JSON, GraphQL, WebSocket frames and messages, and requests for events at a server for so long. Throws itself when
 * the server ends, shows anything of its inside, logs what was sent, grows, or does not answer a good request.
 */
export async function fuzz({ seconds, seed }: { seconds: number; seed: number }): Promise<Fuzzed> {
  const target = await startTarget()
  let count = 0
  const once = fc.asyncProperty(fc.array(attacks, { minLength: 1, maxLength: AT_ONCE }), async (volley) => {
    const answers = await Promise.all(volley.map((attack) => launch(target, attack)))
    count += volley.length
    for (const [i, answer] of answers.entries())
      if (INTERNAL.test(answer)) throw new Error(`${volley[i]?.name}: ${INTERNAL.exec(answer)?.[0]} in ${answer.slice(0, 2_000)}`)
    if (target.complaints.length > 0) throw new Error(`in the log: ${target.complaints.splice(0).join('\n').slice(0, 2_000)}`)
    await asksWell(target)
  })
  const run = (ms: number, seedOf: number) =>
    fc.assert(once, { seed: seedOf, numRuns: 1_000_000, interruptAfterTimeLimit: ms, markInterruptAsFailure: false })
  try {
    // Until everything is loaded, compiled and cached that will be.
    await run(seconds * 400, seed)
    const warmMb = target.residentMb()
    await run(seconds * 600, seed + 1)
    const endMb = target.residentMb()
    if (endMb - warmMb > MOST_GROWTH_MB) throw new Error(`It has grown from ${warmMb.toFixed()} to ${endMb.toFixed()} MB.`)
    return { attacks: count, warmMb, endMb }
  } finally {
    await target.stop()
  }
}

async function asksWell({ port, token, exitCode }: Target): Promise<void> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const answer = await fetch(`http://127.0.0.1:${port}/graphql`, { method: 'POST', headers, body: '{"query":"{ overview { users } }"}' })
  const text = await answer.text()
  if (answer.status !== 200 || !text.includes('"users":'))
    throw new Error(`A good request is answered with ${answer.status} ${text} (exit code: ${exitCode()}).`)
}
