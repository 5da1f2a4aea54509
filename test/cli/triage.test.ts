import { createClient } from 'graphql-ws'
import { expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import { startRedis } from '../helpers/redis.ts'
import { freshSettings, serveHere, xinyi } from './xinyi.ts'

const NEWS = 'subscription { riskAlerts { event { kind } alert { id user { userId } } } }'
const RECORD = `mutation ($userId: String!) {
  recordConversation(input: { userId: $userId, query: "我不想活了", response: "我在。", riskLevel: HIGH }) { alert { id } durability }
}`
const ACKNOWLEDGE = 'mutation ($input: AlertActionInput!) { acknowledgeRiskAlert(input: $input) { durability } }'
const HISTORY = '{ riskAlerts { edges { node { user { userId } history { edges { node { kind actor note } } } } } } }'

interface Heard {
  kind: string
  user: string
  alertId: string
}

/** A server on this Redis, and a counselor who listens there. */
async function desk(redisUrl: string, counselor: string) {
  const settings = freshSettings({ MEMORY_STORAGE_BACKEND: 'redis', REDIS_URL: redisUrl })
  const server = await serveHere(settings)
  const ask = async (query: string, variables: object = {}) => {
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-actor': counselor },
      body: JSON.stringify({ query, variables }),
    })
    const { data, errors } = Object(await response.json())
    expect(errors).toBeUndefined()
    return data
  }
  const { promise: isListening, resolve: listens } = Promise.withResolvers<void>()
  // At the beginning a subscriber is told the present cursor.
  const on = { ping: (_: boolean, payload: unknown) => void (payload && listens()) }
  const client = createClient({ url: server.url.replace('http', 'ws'), webSocketImpl: WebSocket, on })
  onTestFinished(() => client.dispose())
  const messages = client.iterate({ query: NEWS })
  let next = messages.next()
  await isListening
  const mode = async () => Object(await ask('{ storage { mode reconciliation { inAgreement } } }')).storage
  return {
    server,
    ask,
    /** Its SQLite has all that Redis has: leaving Redis on request waits for that. */
    async keepsAll(): Promise<void> {
      for (const to of ['sqlite', 'auto']) expect(await xinyi(['storage', 'pin', to], settings)).toMatchObject({ code: 0 })
    },
    /** What comes next. */
    async hears(): Promise<Heard> {
      const { value } = await next
      next = messages.next()
      const { event, alert } = Object(value).data.riskAlerts
      return { kind: event.kind, user: alert.user.userId, alertId: alert.id }
    },
    async until(holds: (storage: { mode: string; reconciliation: { inAgreement: boolean | null } | null }) => boolean): Promise<void> {
      while (!holds(await mode())) await new Promise((resolve) => setTimeout(resolve, 20))
    },
  }
}

const isAway = ({ mode }: { mode: string }) => mode === 'FALLBACK'
const isBack = ({ mode, reconciliation }: { mode: string; reconciliation: { inAgreement: boolean | null } | null }) =>
  mode === 'PRIMARY' && reconciliation?.inAgreement === true

test('two counselors at two servers hear of everybody at risk, and of what the other does, while Redis dies and comes back', {
  timeout: 60_000,
}, async () => {
  const redis = await startRedis({ port: 'free', persistence: 'aof', keepDir: true })
  onTestFinished(() => redis.remove())
  const [here, there] = [await desk(redis.url, 'li'), await desk(redis.url, 'wang')]
  const { recordConversation } = await here.ask(RECORD, { userId: 'ann' })
  const raised = { kind: 'RAISED', user: 'ann', alertId: recordConversation.alert.id }
  expect([await here.hears(), await there.hears()]).toEqual([raised, raised])
  // What Redis has told a server, and its SQLite not yet, is gone with Redis.
  await Promise.all([here.keepsAll(), there.keepsAll()])
  await Promise.all([here.until(isBack), there.until(isBack)])

  await redis.kill()
  expect(await here.ask(RECORD, { userId: 'bob' })).toMatchObject({ recordConversation: { durability: 'JOURNAL' } })
  expect(await here.hears()).toMatchObject({ kind: 'RAISED', user: 'bob' })
  // Cut off from each other, both take ann's alert, and both are told that it is done.
  const input = { alertId: recordConversation.alert.id }
  await Promise.all([here.until(isAway), there.until(isAway)])
  for (const each of [here, there])
    expect(await each.ask(ACKNOWLEDGE, { input })).toMatchObject({ acknowledgeRiskAlert: { durability: 'JOURNAL' } })
  expect(await here.hears()).toMatchObject({ kind: 'ACKNOWLEDGED', user: 'ann' })
  expect(await there.hears()).toMatchObject({ kind: 'ACKNOWLEDGED', user: 'ann' })

  await redis.restart()
  await Promise.all([here.until(isBack), there.until(isBack)])
  const bobThere: Heard[] = []
  while (bobThere.at(-1)?.user !== 'bob') bobThere.push(await there.hears())
  expect(bobThere.at(-1)).toMatchObject({ kind: 'RAISED', user: 'bob' })
  for (const each of [here, there]) {
    const { riskAlerts } = await each.ask(HISTORY)
    const ann = riskAlerts.edges.find(({ node }: { node: { user: { userId: string } } }) => node.user.userId === 'ann').node
    const acts = ann.history.edges.map(({ node }: { node: { kind: string; actor: string | null; note: string | null } }) => [
      ...[node.kind, node.actor, node.note],
    ])
    const [, [, winner]] = acts
    const loser = winner === 'li' ? 'wang' : 'li'
    expect(['li', 'wang']).toContain(winner)
    expect(acts).toEqual([
      ['RAISED', null, null],
      ['ACKNOWLEDGED', winner, null],
      ['NOTED', loser, 'not carried out: ACKNOWLEDGE'],
    ])
  }

  await here.ask(ACKNOWLEDGE, { input: { alertId: bobThere.at(-1)?.alertId } })
  let heard = await there.hears()
  while (heard.user !== 'bob') heard = await there.hears()
  expect(heard).toMatchObject({ kind: 'ACKNOWLEDGED', user: 'bob' })
})
