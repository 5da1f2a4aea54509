import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import * as z from 'zod'
import { percentiles } from '../test/torture/latency.ts'
import { listen, plainServer, runClients, usageOf, withBench } from './bench.ts'
import { type Figure, failures, ms } from './figure.ts'

const LISTENERS = 1_000

/** Subscribers of alerts, two of which are raised a second; then the same just after Redis was killed. */
export async function subscribers(): Promise<Figure[]> {
  const heard = (kill: boolean) =>
    withBench(async ({ clients, redis, server }) => {
      const listeners = await listen(server.url ?? '', LISTENERS, 'words')
      const job = { send: 'risky', connections: 4, rate: 2, users: 1_000 } as const
      await clients({ ...job, seconds: 2 })
      const running = clients({ ...job, seconds: 10, first: 100 })
      if (kill) await sleep(1_000).then(() => redis.kill())
      const { requests } = await running
      await sleep(2_000)
      const took = await listeners.end()
      const { p50, p99 } = percentiles(took)
      return { p99, more: `p50 ${ms(p50)}, ${failures(requests)} failed, ${took.length} events heard by ${LISTENERS} subscribers` }
    })
  const figure = (what: string, { p99, more }: Awaited<ReturnType<typeof heard>>): Figure => ({
    what,
    value: p99,
    unit: 'ms',
    target: 150,
    more,
  })
  return [
    figure('from an alert to its last subscriber, p99', await heard(false)),
    figure('the same, Redis being killed meanwhile, p99', await heard(true)),
  ]
}

/** A subscriber with a cursor, or without: hands its messages on; `end` answers the last cursor. */
function subscribing(url: string, after: string | null, take: (at: number) => void): { end(): Promise<string | null> } {
  let last = after
  const client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 })
  const ended = (async () => {
    for await (const message of client.iterate({ query: NEWS, variables: { after } })) {
      const { cursor, event } = Message.parse(message).data.riskAlerts
      last = cursor
      take(Date.parse(event.at))
    }
  })().catch(() => {})
  return {
    async end() {
      client.terminate()
      await ended
      return last
    },
  }
}

const NEWS = 'subscription News($after: String) { riskAlerts(after: $after) { cursor event { at } } }'
const Message = z.object({ data: z.object({ riskAlerts: z.object({ cursor: z.string(), event: z.object({ at: z.string() }) }) }) })

/** Redis is away, and many alerts were raised since, all told to a subscriber who was cut off just now: how old the first alert is that they hear of then. */
export async function returning(): Promise<Figure[]> {
  return withBench(async ({ clients, redis, server }) => {
    const url = server.url ?? ''
    const before = subscribing(url, null, () => {})
    await sleep(500)
    await redis.kill()
    const job = { send: 'risky', connections: 64, users: 1_000 } as const
    const { requests } = await clients({ ...job, rate: null, seconds: 10 })
    await sleep(1_000)
    const cursor = await before.end()
    const running = clients({ ...job, rate: 300, seconds: 5 })
    await sleep(2_000)
    const [ages, began] = [[] as number[], Date.now()]
    const after = subscribing(url, cursor, (at) => at > began && ages.push(Date.now() - at))
    await running
    await after.end()
    return [
      {
        what: 'from an alert to one who has just come back, Redis being away, at most',
        value: Math.max(...ages),
        unit: 'ms',
        target: 1_000,
        more: `behind ${requests.length.toLocaleString('en')} alerts that were told before, at 300 recordings/s`,
      },
    ]
  })
}

const ALERTS = 20

/**
 * What an alert costs a server of so many subscribers who ask for the same, beside one that works it out for each of them; and where they ask
 * for what the person said, which leaves an entry in our audit log for each of them, and none in the other's.
 */
export async function sharing(): Promise<Figure[]> {
  return withBench(async ({ redis, server }) => {
    const costOf = async ({ url, pid }: { url: string; pid: number }, asking: 'words' | 'none', first: number): Promise<number> => {
      const listeners = await listen(url, LISTENERS, asking)
      const job = { url, send: 'risky', connections: 1, rate: 2, users: 1_000 } as const
      await runClients({ ...job, seconds: 2, first })
      const usageIn = async (act: () => Promise<unknown>): Promise<number> => {
        const before = usageOf(pid).cpuMs
        await Promise.all([act(), sleep(ALERTS * 500 + 2_000)])
        return usageOf(pid).cpuMs - before
      }
      const withoutAlerts = await usageIn(async () => {})
      const cost = (await usageIn(() => runClients({ ...job, seconds: ALERTS / 2, first: first + 100 }))) - withoutAlerts
      await listeners.end()
      return cost / ALERTS
    }
    const both = async (place: { url: string; pid: number }) => ({
      none: await costOf(place, 'none', 0),
      words: await costOf(place, 'words', 500),
    })
    const ours = await both({ url: server.url ?? '', pid: server.pid ?? 0 })
    await server.stop()
    const plain = await plainServer(redis.url)
    const other = await both(plain)
    await plain.stop()
    const figure = (what: string, asking: 'words' | 'none', target: number): Figure => ({
      what: `CPU of an alert to ${LISTENERS} subscribers${what}, as a part of what it costs where nothing is shared`,
      value: (100 * ours[asking]) / other[asking],
      unit: '%',
      target,
      more: `${ms(ours[asking])} and ${ms(other[asking])}, beyond what the servers do without alerts`,
    })
    return [figure('', 'none', 25), figure(' who ask for the words, each of whom is written down', 'words', 50)]
  })
}

const IDLE = 10_000

/** Subscribers to whom nothing happens but heartbeats. */
export async function idle(): Promise<Figure[]> {
  return withBench(async ({ server }) => {
    const before = usageOf(server.pid ?? 0).residentMb
    const listeners = await listen(server.url ?? '', IDLE, 'words')
    await sleep(40_000)
    const after = usageOf(server.pid ?? 0).residentMb
    await listeners.end()
    return [
      { what: `memory with ${IDLE} idle subscribers`, value: after, unit: 'MB', target: 500, more: `${Math.round(before)} MB without` },
    ]
  })
}
