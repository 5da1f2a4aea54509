import { describe, expect, test, vi } from 'vitest'
import { globalId } from '../../src/graphql/ids.ts'
import { Seal } from '../../src/graphql/seal.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { stores } from '../helpers/stores.ts'
import { type Loose, serveStore } from './serve.ts'

// So few that a view beyond them is soon filled.
vi.mock('../../src/store/store.ts', () => ({ MAX_CANDIDATES: 5, MAX_IN_VIEW: 5 }))

const PAGE = 'pageInfo { hasNextPage startCursor endCursor } edges { cursor node'
const LISTS: Record<string, (args: string) => string> = {
  users: (args) => `{ list: users(${args}, orderBy: USER_ID_ASC) { ${PAGE} { userId } } } }`,
  riskAlerts: (args) => `{ list: riskAlerts(${args}) { ${PAGE} { user { userId } } } } }`,
  'Topic.users': (args) =>
    `{ node(id: "${globalId({ type: 'Topic', id: 'sleep' })}") { ... on Topic { list: users(${args}) { ${PAGE} { userId } } } } } }`,
  'Counselor.users': (args) => `{ viewer { list: users(${args}) { ${PAGE} { userId } } } } }`,
}

describe.each(stores)('where more people in $name are hers than are looked at, a counselor', ({ open }) => {
  test.each(Object.entries(LISTS))('meets them all in %s, and no cursor names anybody else', async (name, query) => {
    const { store } = await open()
    const origin = new Origin()
    const names = Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? `mine-${10 + i}` : `foreign-${10 + i}`)).map(
      (id, i) => `${10 + i} ${id}`,
    )
    for (const [i, user] of names.entries()) {
      await store.append([origin.recorded({ user, id: 'c', riskLevel: 'HIGH', acceptedAt: NOW + i, topics: ['sleep'] })])
      await store.append([origin.assigned(user, user.includes('mine') ? 'li' : 'wang', NOW + i)])
    }
    const served = await serveStore(store)
    Object.assign(served.as, { sub: 'li', roles: ['COUNSELOR'] })
    const seen: string[] = []
    const cursors: string[] = []
    let after: string | null = null
    for (let pages = 0; pages < 40; pages += 1) {
      const data: Loose = await served.ask(query(`first: 2${after ? `, after: "${after}"` : ''}`))
      const { pageInfo, edges } = (data.node ?? data.viewer ?? data).list
      seen.push(...edges.map(({ node }: Loose) => (node.user ?? node).userId))
      cursors.push(...[pageInfo.startCursor, pageInfo.endCursor, ...edges.map(({ cursor }: Loose) => cursor)].filter(Boolean))
      for (const cursor of [pageInfo.endCursor, ...edges.map((edge: Loose) => edge.cursor)].filter(Boolean)) expect(cursor[0]).toBe('~')
      if (!pageInfo.hasNextPage) break
      after = pageInfo.endCursor
    }
    expect(seen.sort()).toEqual(names.filter((user) => user.includes('mine')))
    for (const cursor of cursors) expect(Buffer.from(cursor.replace('~', ''), 'base64url').toString(), name).not.toContain('foreign')
  })
})

test('what is sealed at one instance is opened at another of the same data set, and nowhere once a byte is changed', () => {
  const secret = Buffer.alloc(32, 7)
  const sealed = new Seal(secret).close('somebody')
  expect(Buffer.from(sealed.slice(1), 'base64url').toString('latin1')).not.toContain('somebody')
  expect(new Seal(Buffer.from(secret)).open(sealed)).toBe('somebody')
  expect(new Seal(Buffer.from(secret)).close('somebody')).toBe(sealed)
  expect(new Seal(Buffer.alloc(32, 8)).open(sealed)).toBeNull()
  for (const wrong of [
    '',
    '~',
    '~abc',
    sealed.slice(1),
    `~${sealed[1] === 'A' ? 'B' : 'A'}${sealed.slice(2)}`,
    `${sealed.slice(0, 20)}${sealed[20] === 'A' ? 'B' : 'A'}${sealed.slice(21)}`,
  ])
    expect(new Seal(secret).open(wrong), wrong).toBeNull()
})
