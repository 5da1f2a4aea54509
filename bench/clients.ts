// Started by bench/main.ts as a process of its own: sends what argv[2] asks for, and prints what came of it.
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from './connection.ts'
import { Job, type Measured } from './job.ts'
import { askContext, recordMany, recordOne } from './requests.ts'

const BATCH = 100

const job = Job.parse(JSON.parse(process.argv[2] ?? ''))
const connections = Array.from({ length: job.connections }, () => new Connection(job.url))
const requests: Measured['requests'] = []
const started = performance.now()
const warmUpMs = job.warmUpSeconds * 1_000
const began = started + warmUpMs
const epoch = Date.now() + warmUpMs
const endsAt = began + job.seconds * 1_000
let sent = 0

/** Users in turn, so that none is hot. */
const userAt = (i: number): number => Math.floor((job.first + i) / job.perUser) % job.users

function body(): string {
  const i = sent++
  if (job.send === 'record') return recordOne(i % job.users)
  if (job.send === 'risky') return recordOne(i % job.users, 'HIGH')
  if (job.send === 'context') return askContext((i * 7919) % job.users)
  return recordMany(Array.from({ length: BATCH }, (_, k) => userAt(i * BATCH + k)))
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
  if (due >= began) requests.push([due - began, performance.now() - due, ok, served])
}

/** Each connection sends the next request when it has the answer to the last. */
async function closedLoop(): Promise<void> {
  await Promise.all(
    connections.map(async (connection) => {
      while (performance.now() < endsAt) await send(connection, performance.now())
    }),
  )
}

/** Requests are due at fixed times, whatever became of the earlier ones, and measured from when they were due. */
async function openLoop(rate: number): Promise<void> {
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
  for (let time = started; time < endsAt; time += 1_000 / rate) {
    const wait = time - performance.now()
    if (wait > 1) await sleep(wait)
    due.push(time)
    go()
  }
  while (underWay.size > 0) await Promise.all(underWay)
}

if (job.rate === null) await closedLoop()
else await openLoop(job.rate)
const measured: Measured = { epoch, seconds: (performance.now() - began) / 1000, requests }
process.stdout.write(JSON.stringify(measured), () => process.exit(0))
