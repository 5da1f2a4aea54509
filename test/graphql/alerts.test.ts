import { describe, expect, test } from 'vitest'
import { XinyiError } from '../../src/errors.ts'
import { EraseUserDocument, RecordConversationDocument, RiskAlertNewsDocument } from '../../src/gql/graphql.ts'
import type { RiskLevel } from '../../src/model.ts'
import { encodeCursor } from '../../src/services/cursor.ts'
import { Origin } from '../helpers/events.ts'
import { sqliteStore, stores } from '../helpers/stores.ts'
import { type Served, serve, serveStore } from './serve.ts'

const risky = ({ ask }: Served, userId: string, riskLevel: RiskLevel) =>
  ask(RecordConversationDocument, { input: { userId, query: 'q', response: 'r', riskLevel } })

async function take(messages: AsyncIterableIterator<unknown>, count: number) {
  const taken = []
  for (let i = 0; i < count; i += 1) taken.push((await messages.next()).value)
  return taken
}

describe.each(stores)('news of alerts from $name', (kind) => {
  test('arrive as they happen, each with the alert as it is by then', async () => {
    const served = await serve(kind)
    const news = await served.listen(RiskAlertNewsDocument)
    await risky(served, 'ada', 'LOW')
    await risky(served, 'ada', 'MEDIUM')
    const [raised] = await take(news, 1)
    expect(raised).toMatchObject({
      data: {
        riskAlerts: { replayed: false, event: { kind: 'RAISED', level: 'MEDIUM' }, alert: { occurrences: 1, user: { userId: 'ada' } } },
      },
      extensions: { storage: { pendingWrites: 0 } },
    })
    await risky(served, 'ada', 'HIGH')
    expect(await take(news, 2)).toMatchObject([
      { data: { riskAlerts: { event: { kind: 'OCCURRED', level: 'HIGH' }, alert: { level: 'HIGH', occurrences: 2 } } } },
      { data: { riskAlerts: { event: { kind: 'LEVEL_RAISED', level: 'HIGH' }, alert: { version: 2, user: { currentRisk: 'HIGH' } } } } },
    ])
    await news.return?.()
  })

  test('that were missed come first, marked as replayed, from the level that was asked for', async () => {
    const served = await serve(kind)
    const before = await served.listen(RiskAlertNewsDocument)
    await risky(served, 'ada', 'MEDIUM')
    const [first] = await take(before, 1)
    await before.return?.()
    await risky(served, 'bob', 'MEDIUM')
    await risky(served, 'eve', 'IMMINENT')

    const after = (first as { data: { riskAlerts: { cursor: string } } }).data.riskAlerts.cursor
    const news = await served.listen(RiskAlertNewsDocument, { after, minLevel: 'HIGH' })
    const [missed] = await take(news, 1)
    expect(missed).toMatchObject({ data: { riskAlerts: { replayed: true, alert: { user: { userId: 'eve' } } } } })
    await news.return?.()
  })

  test('of an alert that is gone are passed over', async () => {
    const served = await serve(kind)
    const before = await served.listen(RiskAlertNewsDocument)
    await risky(served, 'ada', 'MEDIUM')
    const [first] = await take(before, 1)
    await before.return?.()
    await risky(served, 'bob', 'MEDIUM')
    await risky(served, 'eve', 'MEDIUM')
    await served.ask(EraseUserDocument, { userId: 'bob', reason: 'asked for it' })
    const { cursor } = (first as { data: { riskAlerts: { cursor: string } } }).data.riskAlerts
    const news = await served.listen(RiskAlertNewsDocument, { after: cursor })
    expect(await take(news, 1)).toMatchObject([{ data: { riskAlerts: { alert: { user: { userId: 'eve' } } } } }])
    await news.return?.()
  })

  test('are read and worked out once for all who ask for the same', async () => {
    const served = await serve(kind)
    const listeners = await Promise.all(Array.from({ length: 20 }, () => served.listen(RiskAlertNewsDocument)))
    const other = await served.listen(RiskAlertNewsDocument, { minLevel: 'HIGH' })
    const news = [...listeners, other].map((listener) => listener.next())
    await new Promise((resolve) => setImmediate(resolve))
    served.reads.length = 0
    await risky(served, 'ada', 'HIGH')
    const messages = (await Promise.all(news)).map(({ value }) => value)
    expect(new Set(messages.map((message) => JSON.stringify(message))).size).toBe(1)
    expect(messages[0]).toMatchObject({ data: { riskAlerts: { alert: { user: { userId: 'ada' } } } }, extensions: { storage: {} } })
    // One for the answer to the recording; then the alert, and whom it is about.
    expect(served.reads.length).toBeLessThanOrEqual(4)
    for (const listener of [...listeners, other]) await listener.return?.()
  })

  test('can not be asked for with a cursor that is none', async () => {
    const { yoga, caller } = await serve(kind)
    const body = JSON.stringify({ query: 'subscription { riskAlerts(after: "nonsense") { cursor } }' })
    const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
    const response = await yoga.fetch('http://localhost/graphql', { method: 'POST', headers, body }, { caller: caller() })
    expect(await response.text()).toMatch(/"code":"BAD_USER_INPUT".*"field":"after"/)
  })
})

test('that can not be brought any more end with an error that says so', async () => {
  const { store } = await sqliteStore.open()
  const expired = new XinyiError('CURSOR_EXPIRED', 'The log does not reach back.', 'Subscribe anew.')
  const origin = new Origin()
  await store.append([origin.recorded({ user: 'ada', riskLevel: 'HIGH' }), origin.recorded({ user: 'bob', riskLevel: 'HIGH' })])
  const { dataSetId, epoch } = await store.status()
  const served = await serveStore(store, { told: (after, limit) => (limit === 1 ? store.told(after, limit) : Promise.reject(expired)) })
  const cursor = encodeCursor(dataSetId, {
    upTo: { epoch, n: 1 },
    marks: [],
    steps: new Map(),
    ahead: new Map(),
    beyond: new Map(),
    due: [],
  })
  const news = await served.listen(RiskAlertNewsDocument, { after: cursor })
  expect(await take(news, 2)).toMatchObject([
    { data: null, errors: [{ extensions: { code: 'CURSOR_EXPIRED', hint: 'Subscribe anew.' } }] },
    undefined,
  ])
})
