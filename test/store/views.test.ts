import { describe, expect, test, vi } from 'vitest'
import { MAX_IN_VIEW, type ReadRequest, type View } from '../../src/store/store.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { inAgreement, inCharge, newDataFile, openInstance, until } from '../helpers/joined.ts'
import { emptyRedis, stores } from '../helpers/stores.ts'
import { ALL, first, Subject, walk } from './contract/harness.ts'

// So few that a view beyond them is soon filled.
vi.mock('../../src/store/store.ts', () => ({ MAX_CANDIDATES: 40, MAX_IN_VIEW: 40 }))

const LI: View = { counselor: 'li' }
const COUNT = 65

describe.each(stores)('a view in $name of more people than are looked at', ({ open }) => {
  async function filled() {
    const it = new Subject(await open())
    const everyone = Array.from({ length: COUNT }, (_, i) => ({ user: `u${10 + i}`, acceptedAt: NOW - i, topics: ['sleep', `t${i}`] }))
    await it.recordAll(everyone.map((said) => ({ ...said, riskLevel: 'HIGH' })))
    await it.recordAll(Array.from({ length: COUNT }, (_, i) => ({ user: `x${10 + i}`, acceptedAt: NOW - i, topics: ['sleep', 'others'] })))
    const read = async <R extends ReadRequest>(request: R) => (await it.read<readonly [R]>([request], NOW, LI))[0]
    return { it, read }
  }

  test('goes on in pages that may end early, and meets everybody once', async () => {
    const { read } = await filled()
    for (const take of ['first', 'last'] as const) {
      for (const limit of [7, 100]) {
        const users = await walk((page) => read({ kind: 'users', order: 'CREATED_DESC', filter: {}, page }), limit, take)
        expect(users.map(({ userId }) => userId).sort()).toEqual(Array.from({ length: COUNT }, (_, i) => `u${10 + i}`))
        const filtered = await walk((page) => read({ kind: 'users', order: 'RISK_DESC', filter: { topics: ['sleep'] }, page }), limit, take)
        expect(new Set(filtered.map(({ userId }) => userId)).size).toBe(COUNT)
        const alerts = await walk((page) => read({ kind: 'alerts', page }), limit, take)
        expect(new Set(alerts.map(({ userId }) => userId)).size).toBe(COUNT)
        const some = await walk((page) => read({ kind: 'alerts', status: ['ACKNOWLEDGED', 'OPEN'], unassigned: true, page }), limit, take)
        expect(some.map(({ id }) => id)).toEqual(alerts.map(({ id }) => id))
        const holders = await walk((page) => read({ kind: 'topicUsers', name: 'sleep', page }), limit, take)
        expect(holders.map(({ userId }) => userId)).toEqual(Array.from({ length: COUNT }, (_, i) => `u${10 + i}`))
      }
    }
  })

  test('tells no total, and counts as many as are looked at', async () => {
    const { read } = await filled()
    expect(await read({ kind: 'users', order: 'RISK_DESC', filter: {}, page: first(5) })).toMatchObject({ total: null, hasNext: true })
    expect(await read({ kind: 'alerts', page: first(5) })).toMatchObject({ total: null, hasNext: true })
    expect(await read({ kind: 'overview' })).toMatchObject({
      users: MAX_IN_VIEW,
      activeUsers: MAX_IN_VIEW,
      openAlerts: MAX_IN_VIEW,
    })
    expect(await read({ kind: 'topic', name: 'sleep' })).toMatchObject({ userCount: MAX_IN_VIEW })
    const topics = await read({ kind: 'topics', page: ALL })
    expect(topics).toMatchObject({ total: null, items: { length: MAX_IN_VIEW + 1 } })
    expect(await read({ kind: 'topic', name: 'others' })).toBeNull()
  })

  test('looks at their own people first, and at those whose alert is theirs', async () => {
    const { it, read } = await filled()
    await it.recordAll([
      { user: 'z own', topics: ['own'] },
      { user: 'z other', topics: ['other'], riskLevel: 'HIGH' },
    ])
    await it.apply(it.origin.assigned('z own', 'li'))
    const { items } = (await it.read([{ kind: 'alerts', page: ALL }], NOW))[0]
    const alertId = items.find(({ value }) => value.userId === 'z other')?.value.id ?? ''
    await it.apply(it.origin.acted('z other', { alertId, action: 'ACKNOWLEDGE', actor: 'li' }))
    for (const name of ['own', 'other']) expect(await read({ kind: 'topic', name })).toMatchObject({ userCount: 1 })
  })

  test('counts exactly who is looked at, when there are no more', async () => {
    const { it, read } = await filled()
    const rest = Array.from({ length: COUNT - MAX_IN_VIEW }, (_, i) => `u${10 + i}`)
    for (const user of rest) await it.apply(it.origin.assigned(user, 'wang'))
    expect(await read({ kind: 'users', order: 'RISK_DESC', filter: {}, page: first(5) })).toMatchObject({ total: MAX_IN_VIEW })
    expect(await read({ kind: 'alerts', page: first(5) })).toMatchObject({ total: MAX_IN_VIEW })
    expect(await read({ kind: 'topicUsers', name: 'sleep', page: first(5) })).toMatchObject({ total: MAX_IN_VIEW })
    expect(await read({ kind: 'topics', page: first(5) })).toMatchObject({ total: MAX_IN_VIEW + 1 })
  })

  test('is not asked what is due', async () => {
    const { read } = await filled()
    await expect(read({ kind: 'dueAlerts', until: NOW, limit: 1 })).rejects.toThrow()
  })
})

describe('two stores joined', () => {
  async function joined() {
    const { url } = await emptyRedis()
    const path = newDataFile()
    const { store, lines } = await openInstance({ url, path })
    const origin = new Origin()
    const { outcomes } = await store.append([
      origin.recorded({ user: 'hers', riskLevel: 'HIGH' }),
      origin.recorded({ user: 'his' }),
      origin.assigned('his', 'wang'),
      origin.recorded({ user: 'his, called to', riskLevel: 'HIGH' }),
      origin.assigned('his, called to', 'wang'),
    ])
    const alertId = outcomes[3]?.type === 'applied' ? (outcomes[3].alertId ?? '') : ''
    await store.append([origin.acted('his, called to', { alertId, action: 'ESCALATE', actor: 'wang', to: ['li'] })])
    await until(store, inAgreement)
    return { url, store, lines }
  }

  test('take nobody for lost whom a view leaves out', async () => {
    const { store, lines } = await joined()
    const asked = ['hers', 'his', 'nobody'].map((userId) => ({ kind: 'user', userId }) as const)
    expect(await store.read(asked, NOW, LI)).toMatchObject({ served: 'REDIS', answers: [{ userId: 'hers' }, null, null] })
    expect(lines.filter(({ msg }) => msg.includes('missing'))).toEqual([])
    expect(await store.status()).toMatchObject({ mode: 'PRIMARY', reconciliation: { repaired: 0 } })
  })

  test('show in a view the same people when Redis has been filled anew, and while it is left', async () => {
    const { store } = await joined()
    const asked = [
      { kind: 'users', order: 'USER_ID_ASC', filter: {}, page: ALL },
      { kind: 'overview' },
      { kind: 'alerts', page: ALL },
    ] as const
    const before = await store.read(asked, NOW, LI)
    expect(before).toMatchObject({ served: 'REDIS', answers: [{ total: 2 }, { users: 2 }, { total: 2 }] })
    await emptyRedis()
    await until(store, (status) => status.reconciliation !== null && inCharge(status))
    expect(await store.read(asked, NOW, LI)).toEqual(before)
    await store.pin('sqlite')
    expect(await store.read(asked, NOW, LI)).toEqual({ ...before, served: 'SQLITE' })
  })
})
