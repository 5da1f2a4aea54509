import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { DAY_MS } from '../../src/model.ts'
import { AlertPages } from '../../src/services/alert-pages.ts'
import type { Store } from '../../src/store/store.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { stores } from '../helpers/stores.ts'
import { startFeed, startServices, take, wrapped } from './services.ts'

/** The feed of a store that answers reads of alerts only now and then; `without`: how often it does not at first. */
function forgetful(store: Store, without: number) {
  let reads = 0
  const read: Store['read'] = async (requests, now, view) => {
    const { answers, served } = await store.read(requests, now, view)
    if (requests.some(({ kind }) => kind === 'alert')) reads += 1
    return { answers: reads > without ? answers : (answers.map(() => null) as unknown as typeof answers), served }
  }
  return startFeed(wrapped(store, { read }))
}

describe.each(stores)('alerts that the log tells of, on $name', (kind) => {
  test('an alert that the store does not come to have is told with what the log says', async () => {
    const { store, say } = await startServices(kind)
    const feed = await forgetful(store, Number.POSITIVE_INFINITY)
    const messages = await feed.subscribe({ minLevel: 'MEDIUM' })
    const next = messages.next()
    await say({ riskLevel: 'HIGH', query: 'heard' })
    const { value } = await next
    expect(value).toMatchObject({
      event: { kind: 'RAISED' },
      alert: { level: 'HIGH', status: 'OPEN', trigger: { query: 'heard', riskLevel: 'HIGH' } },
    })
    expect(value.alert.id).toBe(value.event.alertId)
  })

  test('so is one whose words were cleared since, but without them', async () => {
    const { store } = await startServices(kind)
    const origin = new Origin()
    const after = await (await startFeed(store)).present()
    const said = { riskLevel: 'HIGH', query: 'cleared' } as const
    await store.append([origin.recorded({ user: 'pat', ...said }), origin.cleared('pat', NOW + 1)])
    await store.append([origin.recorded({ user: 'ann', ...said, query: '', response: '', countsOnly: true })])
    const messages = await (await forgetful(store, Number.POSITIVE_INFINITY)).subscribe({ minLevel: 'MEDIUM', after })
    const found = await take(messages, 2)
    expect(found.map(({ alert }) => [alert.userId, alert.trigger])).toEqual([
      ['pat', null],
      ['ann', null],
    ])
  })

  test('so is one of whom the log tells more than can be looked through at once', async () => {
    const { store } = await startServices(kind)
    const origin = new Origin()
    const after = await (await startFeed(store)).present()
    await store.append([origin.recorded({ user: 'pat', riskLevel: 'HIGH', query: 'cleared' })])
    await store.append(Array.from({ length: 520 }, () => origin.recorded({ user: 'bob' })))
    await store.append([origin.cleared('pat', NOW + 1)])
    const messages = await (await forgetful(store, Number.POSITIVE_INFINITY)).subscribe({ minLevel: 'MEDIUM', after })
    const found = await take(messages, 1)
    expect(found.map(({ alert }) => [alert.userId, alert.trigger])).toEqual([['pat', null]])
  })

  test('an alert that the store has not when it is told is told as soon as it is there', async () => {
    const { store, say } = await startServices(kind)
    const feed = await forgetful(store, 2)
    const messages = await feed.subscribe({ minLevel: 'MEDIUM' })
    const next = messages.next()
    await say({ riskLevel: 'HIGH' })
    const { value } = await next
    expect(value).toMatchObject({ event: { kind: 'RAISED' }, alert: { level: 'HIGH' } })
    await say({ riskLevel: 'HIGH' })
    const resumed = await (await forgetful(store, 2)).subscribe({ minLevel: 'MEDIUM', after: value.cursor })
    expect(await take(resumed, 1)).toMatchObject([{ replayed: true, event: { kind: 'OCCURRED', level: 'HIGH' } }])
  })

  test('an alert that is kept no more is told of to nobody who comes back', async () => {
    const { store } = await startServices(kind)
    const origin = new Origin()
    const clock = { now: NOW }
    const feed = await startFeed(store, { clock: () => clock.now })
    await store.append([origin.policy({ alertsDays: 1 })])
    const after = await feed.present()
    await store.append([origin.recorded({ user: 'pat', id: 'p1', riskLevel: 'HIGH' })])
    const page = await store.told({ epoch: (await store.status()).epoch, n: 0 }, 100)
    const alertId = page.entries.flatMap(({ alertEvents }) => alertEvents)[0]?.alertId ?? ''
    await store.append([origin.acted('pat', { alertId, action: 'RESOLVE', actor: 'wang', resolution: 'talked' }, NOW + 10)])
    clock.now = NOW + 3 * DAY_MS
    await store.append([origin.acted('pat', { alertId, action: 'EXPIRE', due: NOW + 10 + DAY_MS }, clock.now)])
    await store.append([origin.recorded({ user: 'ann', id: 'a1', riskLevel: 'HIGH', acceptedAt: clock.now })])
    const [first] = await take(await feed.subscribe({ after, minLevel: 'MEDIUM' }), 1)
    expect(first?.alert.userId).toBe('ann')
  })

  test('an alert older than alerts are kept is not passed over where it is not known yet, as Redis has just gone away', async () => {
    const { store } = await startServices(kind)
    const origin = new Origin()
    await store.append([origin.policy({ alertsDays: 1 }), origin.recorded({ user: 'pat', id: 'p1', riskLevel: 'HIGH' })])
    const { epoch } = await store.status()
    let pages = 0
    const told: Store['told'] = async (...asked) => (pages++ === 0 ? store.told(...asked) : { epoch: 'away', entries: [] })
    const read: Store['read'] = async (requests, now, view) => {
      const { answers, served } = await store.read(requests, now, view)
      return { answers: answers.map(() => null) as unknown as typeof answers, served }
    }
    const pagesOf = new AlertPages(wrapped(store, { told, read }), pino({ level: 'silent' }), () => NOW + 3 * DAY_MS)
    const page = await pagesOf.read({ epoch, n: 0 }, AbortSignal.timeout(5_000), () => true)
    expect(page).toMatchObject({ epoch: 'away', entries: [] })
  })

  test('all who come back at once read the log together', async () => {
    const { feed, store, recorder } = await startServices(kind)
    const cursor = await feed.present()
    const record = (i: number) => recorder.record({ userId: `user ${i % 10}`, query: 'q', response: 'r', riskLevel: 'HIGH' })
    for (let i = 0; i < 1_100; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => record(i + j)))
    const read: number[] = []
    const told: Store['told'] = async (after, limit) => {
      const page = await store.told(after, limit)
      // What is at the end may grow, so that it is read by each.
      if (page.entries.length === limit && limit > 1) read.push(after.n)
      return page
    }
    const other = await startFeed(wrapped(store, { told }))
    read.length = 0
    const heard = await Promise.all(
      Array.from({ length: 10 }, async () => take(await other.subscribe({ after: cursor, minLevel: 'MEDIUM' }), 1_100)),
    )
    for (const each of heard) expect(new Set(each.map(({ event }) => event.id)).size).toBe(1_100)
    expect(read.toSorted((a, b) => a - b)).toEqual([0, 500])
  })
})
