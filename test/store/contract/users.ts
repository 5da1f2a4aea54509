import { expect, test } from 'vitest'
import { USER_ORDERS, type UserOrder } from '../../../src/model.ts'
import type { Page, UserFilter } from '../../../src/store/store.ts'
import { HOUR, MINUTE, NOW } from '../../helpers/events.ts'
import { ALL, first, given, idsOf, last, type Open, type Subject, walk } from './harness.ts'

const users =
  (it: Subject, order: UserOrder, filter: UserFilter = {}) =>
  (page: Page) =>
    it.ask({ kind: 'users', order, filter, page })

/** Seven users with ties in every order. */
async function filled(open: Open): Promise<Subject> {
  const it = await given(open)
  const at = (ago: number) => ({ acceptedAt: NOW, occurredAt: NOW - ago })
  await it.recordAll([
    { user: 'ana', ...at(50 * HOUR), topics: ['work'] },
    { user: 'ana', ...at(HOUR), riskLevel: 'HIGH', topics: ['sleep'] },
    { user: 'ben', ...at(50 * HOUR), riskLevel: 'HIGH' },
    { user: 'ben', ...at(2 * HOUR), topics: ['work', 'sleep'] },
    { user: 'Ben', ...at(2 * HOUR), riskLevel: 'HIGH', topics: ['family'] },
    { user: 'b%_*', ...at(30 * HOUR), riskLevel: 'MEDIUM' },
    { user: 'b%_*', ...at(29 * HOUR), riskLevel: 'MEDIUM' },
    { user: 'b%_*', ...at(28 * HOUR) },
    { user: '\uff61', ...at(2 * HOUR), riskLevel: 'IMMINENT', topics: ['work'] },
    { user: '\u{10000}', ...at(2 * HOUR), riskLevel: 'IMMINENT' },
    { user: '李娜', ...at(90 * HOUR), riskLevel: 'UNKNOWN' },
  ])
  return it
}

const ORDERED: Record<UserOrder, string[]> = {
  LAST_ACTIVE_DESC: ['ana', '\u{10000}', '\uff61', 'ben', 'Ben', 'b%_*', '李娜'],
  RISK_DESC: ['\u{10000}', '\uff61', 'ana', 'Ben', 'ben', 'b%_*', '李娜'],
  CREATED_DESC: ['\u{10000}', '\uff61', 'Ben', 'b%_*', 'ben', 'ana', '李娜'],
  USER_ID_ASC: ['Ben', 'ana', 'b%_*', 'ben', '李娜', '\uff61', '\u{10000}'],
}

export function userLists(open: Open): void {
  test.each(USER_ORDERS)('users are listed in the order %s, in pages of any size, in both directions', async (order) => {
    const it = await filled(open)
    const all = await users(it, order)(ALL)
    expect(idsOf(all)).toEqual(ORDERED[order])
    expect(all).toMatchObject({ hasPrevious: false, hasNext: false, total: 7, resume: null })
    for (const { key, value } of all.items) expect(await it.user(key[1])).toEqual(value)
    for (const limit of [1, 2, 3, 7]) {
      for (const take of ['first', 'last'] as const) {
        expect((await walk(users(it, order), limit, take)).map(({ userId }) => userId)).toEqual(ORDERED[order])
      }
    }
    const [second, fifth] = [all.items[1]?.key, all.items[4]?.key]
    expect(idsOf(await users(it, order)({ limit: 9, take: 'first', after: second, before: fifth }))).toEqual(ORDERED[order].slice(2, 4))
    expect(await users(it, order)(first(2, second))).toMatchObject({ hasPrevious: true, hasNext: true, total: 7 })
    expect(await users(it, order)(last(2, fifth))).toMatchObject({ hasPrevious: true, hasNext: true, total: 7 })
  })

  test('the keys of users are those of the contract', async () => {
    const it = await filled(open)
    const keyOfAna = async (order: UserOrder) => (await users(it, order)(ALL)).items.find(({ value }) => value.userId === 'ana')?.key
    expect(await keyOfAna('LAST_ACTIVE_DESC')).toEqual([NOW - HOUR, 'ana'])
    expect(await keyOfAna('CREATED_DESC')).toEqual([NOW - 50 * HOUR, 'ana'])
    expect(await keyOfAna('RISK_DESC')).toEqual([3e13 + NOW - HOUR, 'ana'])
    expect(await keyOfAna('USER_ID_ASC')).toEqual([0, 'ana'])
  })

  const filters: [name: string, filter: UserFilter, found: string[]][] = [
    ['minRisk', { minRisk: 'HIGH' }, ['ana', 'Ben', '\uff61', '\u{10000}']],
    ['the lowest minRisk', { minRisk: 'UNKNOWN' }, ORDERED.USER_ID_ASC],
    ['attention WATCH', { attention: 'WATCH' }, ['ana', 'ben', 'Ben', '\uff61', '\u{10000}']],
    ['attention NEEDS_ATTENTION', { attention: 'NEEDS_ATTENTION' }, ['b%_*']],
    ['attention NONE', { attention: 'NONE' }, ['李娜']],
    ['any of some topics', { topics: ['family', 'sleep', 'unheard of'] }, ['ana', 'ben', 'Ben']],
    ['a topic nobody has', { topics: ['unheard of'] }, []],
    ['no topic at all', { topics: [] }, []],
    ['activeSince', { activeSince: NOW - 2 * HOUR }, ['ana', 'ben', 'Ben', '\uff61', '\u{10000}']],
    ['activeSince, just after', { activeSince: NOW - 2 * HOUR + 1 }, ['ana']],
    ['a prefix', { search: 'b' }, ['ben', 'b%_*']],
    ['a prefix that is a whole id', { search: 'ben' }, ['ben']],
    ['a prefix with what could be wildcards', { search: 'b%_*' }, ['b%_*']],
    ['a wildcard', { search: '%' }, []],
    ['a prefix beyond ASCII', { search: '李' }, ['李娜']],
    ['a prefix beyond the BMP', { search: '\u{10000}' }, ['\u{10000}']],
    ['the empty prefix', { search: '' }, ORDERED.USER_ID_ASC],
    ['an open alert', { hasOpenAlert: true }, ['ana', 'Ben', '\uff61', '\u{10000}']],
    ['no open alert', { hasOpenAlert: false }, ['ben', 'b%_*', '李娜']],
    [
      'several criteria at once',
      { minRisk: 'HIGH', topics: ['work', 'sleep'], hasOpenAlert: true, activeSince: NOW - HOUR, search: 'a' },
      ['ana'],
    ],
    ['criteria that no user meets together', { attention: 'NEEDS_ATTENTION', hasOpenAlert: true }, []],
  ]
  test.each(filters)('users can be filtered by %s, in every order and direction', async (_, filter, found) => {
    const it = await filled(open)
    for (const order of USER_ORDERS) {
      const expected = ORDERED[order].filter((id) => found.includes(id))
      expect(idsOf(await users(it, order, filter)(ALL))).toEqual(expected)
      expect(await users(it, order, filter)(ALL)).toMatchObject({ total: null, hasNext: false })
      for (const take of ['first', 'last'] as const) {
        expect((await walk(users(it, order, filter), 2, take)).map(({ userId }) => userId)).toEqual(expected)
      }
    }
  })

  test('criteria that are left open are no filter', async () => {
    const it = await filled(open)
    expect(await users(it, 'USER_ID_ASC', { minRisk: undefined, search: undefined })(ALL)).toMatchObject({ total: 7 })
  })

  test('the filters follow the users as they change', async () => {
    const it = await filled(open)
    const ids = async (filter: UserFilter) => idsOf(await users(it, 'USER_ID_ASC', filter)(ALL))
    await it.tell(it.origin.cleared('b%_*'))
    await it.tell(it.origin.erased('ana', NOW))
    await it.recordAll([{ user: '李娜', riskLevel: 'HIGH', acceptedAt: NOW + MINUTE }])
    expect(await ids({ attention: 'NEEDS_ATTENTION' })).toEqual([])
    expect(await ids({ attention: 'NONE' })).toEqual(['b%_*'])
    expect(await ids({ topics: ['sleep'] })).toEqual(['ben'])
    expect(await ids({ minRisk: 'HIGH' })).toEqual(['Ben', '李娜', '\uff61', '\u{10000}'])
    expect(await ids({ hasOpenAlert: true, activeSince: NOW })).toEqual(['李娜'])
    expect(idsOf(await users(it, 'RISK_DESC')(first(3)))).toEqual(['\u{10000}', '\uff61', '李娜'])
    expect(idsOf(await users(it, 'LAST_ACTIVE_DESC')(first(2)))).toEqual(['李娜', '\u{10000}'])
  })

  test('a filtered walk through thousands sees every match once, though a single page may end early', async () => {
    const it = await given(open)
    const all = Array.from({ length: 5_300 }, (_, i) => {
      const rare = i === 0 || i === 2_700 || i === 5_299
      return {
        user: `${i % 2 ? 'odd' : 'even'} ${i}`,
        id: 'c',
        acceptedAt: NOW - i * MINUTE,
        occurredAt: NOW - i * MINUTE,
        topics: rare ? ['rare'] : ['common'],
      }
    })
    await it.recordAll(all)
    const rare = ['even 0', 'even 2700', 'odd 5299']
    for (const take of ['first', 'last'] as const) {
      const byTopic = await walk(users(it, 'LAST_ACTIVE_DESC', { topics: ['rare'] }), 20, take)
      expect(byTopic.map(({ userId }) => userId)).toEqual(rare)
      const both = await walk(users(it, 'CREATED_DESC', { topics: ['rare', 'common'], search: 'odd 52', hasOpenAlert: false }), 20, take)
      expect(both).toHaveLength(55)
      expect(both.map(({ createdAt }) => createdAt)).toEqual(both.map(({ createdAt }) => createdAt).toSorted((a, b) => b - a))
    }
    expect((await walk(users(it, 'RISK_DESC', { minRisk: 'LOW', attention: 'NONE' }), 1_000)).length).toBe(5_300)
    expect(await walk(users(it, 'LAST_ACTIVE_DESC', { attention: 'NONE', search: 'nobody' }), 20)).toEqual([])
  })
}
