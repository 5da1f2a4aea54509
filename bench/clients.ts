// Started by bench/main.ts as a process of its own: sends what argv[2] asks for, and prints what came of it.
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from './connection.ts'
import { Job, type Measured } from './job.ts'
import { askContext, recordMany, recordOne } from './requests.ts'

const BATCH = 100

const job = Job.parse(JSON.parse(process.argv[2] ?? ''))
const connections = Array.from({ length: job.connections }, () => new Connection(job.url))
const requests: Measured['requests'] = []
const began = performance.now()
const epoch = Date.now()
let sent = 0

/** Users in turn, so that none is hot. */
function body(): string {
  const i = sent++
  if (job.send === 'record') return recordOne(i % job.users)
  if (job.send === 'risky') return recordOne(i % job.users, 'HIGH')
  if (job.send === 'context') return askContext((i * 7919) % job.users)
  return recordMany(Array.from({ length: BATCH }, (_, k) => (job.first + i * BATCH + k) % job.users))
}

async function send(connection: Connection, due: number): Promise<void> {
  let ok = false
  let served = ''
  try {
    const answer = await connection.post(body())
    ok = !answer.includes('"errors"')
    served = /"served":"(\w+)"/.exec(answer)?.[1] ?? ''
  } catch {
    // Counted as failed.
  }
  requests.push([due - began, performance.now() - due, ok, served])
}

/** Each connection sends the next request when it has the answer to the last. */
async function closedLoop(seconds: number): Promise<void> {
  const until = began + seconds * 1_000
  await Promise.all(
    connections.map(async (connection) => {
      while (performance.now() < until) await send(connection, performance.now())
    }),
  )
}

/** Requests are due at fixed times, whatever became of the earlier ones, and measured from when they were due. */
async function openLoop(seconds: number, rate: number): Promise<void> {
  const free = [...connections]
  const due: number[] = []
  const underWay = new Set<Promise<void>>()
  const go = () => {
    // In turn: a server closes a connection that was never used.
    while (due.length > 0 && free.length > 0) {
      const [time, connection] = [due.shift(), free.shift()]
      if (time === undefined || !connection) return
      const request: Promise<void> = send(connection, time).then(() => {
        underWay.delete(request)
        free.push(connection)
        go()
      })
      underWay.add(request)
    }
  }
  for (let i = 0; i < rate * seconds; i++) {
    const time = began + (i * 1_000) / rate
    const wait = time - performance.now()
    if (wait > 1) await sleep(wait)
    due.push(time)
    go()
  }
  while (underWay.size > 0) await Promise.all(underWay)
}

if (job.rate === null) await closedLoop(job.seconds)
else await openLoop(job.seconds, job.rate)
const measured: Measured = { epoch, seconds: (performance.now() - began) / 1000, requests }
process.stdout.write(JSON.stringify(measured), () => process.exit(0))
