import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test, vi } from 'vitest'
import { DataFile } from '../../src/store/sqlite/data-file.ts'
import { MAX_CANDIDATES, type Page } from '../../src/store/store.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { snapshot } from './contract/harness.ts'
import { ALL, beginningOf, newPath, open, tamper, written } from './sqlite.files.ts'

test('only its owner can read the file, and what SQLite puts beside it', async () => {
  const path = newPath()
  const store = await open(path)
  await store.append([new Origin().recorded()])
  expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
  for (const file of [path, `${path}-wal`]) expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(existsSync(`${path}-shm`)).toBe(false)
})

test('a store that was closed and opened again answers as before, and is the same data set', async () => {
  const path = newPath()
  const store = await open(path)
  const origin = new Origin()
  const words = ['\0', 'a\0b', '👩‍👩‍👧', ' ', '%_*?[', '\u{10ffff}', '心'.repeat(500)]
  await store.append(words.map((word) => origin.recorded({ user: word, id: word, query: word, response: word, topics: [word] })))
  await store.append([origin.recorded({ user: 'u', riskLevel: 'IMMINENT' }), origin.policy({ emotions: 3 }), origin.erased('%_*?[')])
  const [before, status] = [await snapshot(store, NOW), await store.status()]
  await store.close()
  const again = await open(path)
  expect(await snapshot(again, NOW)).toEqual(before)
  expect(await again.status()).toEqual({ ...status, since: expect.any(Number) })
  expect(before.eachUser).toHaveLength(words.length)
  expect(before.eachUser.map(({ user, conversations }) => conversations.items[0]?.value.query === user?.userId)).toContain(true)
})

test('texts with NUL are found by their whole length', async () => {
  const store = await open()
  const origin = new Origin()
  await store.append(['a', 'a\0', 'a\0b', 'a\0c', 'ab'].map((user) => origin.recorded({ user, id: `${user}\0`, query: `${user}\0 said` })))
  const found = async (search: string) => {
    const {
      answers: [users],
    } = await store.read([{ kind: 'users', order: 'USER_ID_ASC', filter: { search }, page: ALL }], NOW)
    return users.items.map(({ value }) => value.userId)
  }
  expect(await found('a')).toEqual(['a', 'a\0', 'a\0b', 'a\0c', 'ab'])
  expect(await found('a\0')).toEqual(['a\0', 'a\0b', 'a\0c'])
  expect(await found('a\0b')).toEqual(['a\0b'])
  const {
    answers: [conversation],
  } = await store.read([{ kind: 'conversation', userId: 'a\0b', id: 'a\0b\0' }], NOW)
  expect(conversation).toMatchObject({ query: 'a\0b\0 said' })
})

test('a row that can not be read spoils only itself', async () => {
  const path = await written()
  tamper(
    path,
    `UPDATE conversations SET topics = '["work"' WHERE id = '1';
     UPDATE emotions SET risk = 9 WHERE id = '1';
     UPDATE users SET last_points = 'null' WHERE user_id = 'b';
     UPDATE alerts SET exchange = '{"query": 7}' WHERE user_id = 'b';
     UPDATE log SET payload = '{' WHERE n = 2;
     UPDATE policies SET limits = '[]'`,
  )
  const store = await open(path)
  const {
    answers: [conversations, emotions, users, alerts],
  } = await store.read(
    [
      { kind: 'conversations', userId: 'a', page: { limit: 1, take: 'last' } },
      { kind: 'emotions', userId: 'a', page: ALL },
      { kind: 'users', order: 'RISK_DESC', filter: {}, page: ALL },
      { kind: 'alerts', page: ALL },
    ] as const,
    NOW,
  )
  expect(conversations.items.map(({ value }) => value.id)).toEqual(['2'])
  expect(emotions.items.map(({ value }) => value.id)).toEqual(['2'])
  expect(users.items.map(({ value }) => value.userId)).toEqual(['a', 'b'])
  expect(alerts.items.map(({ value }) => [value.userId, value.trigger?.query])).toEqual([
    ['a', 'query 1'],
    ['b', undefined],
  ])
  expect((await store.log(await beginningOf(store), 10)).entries.map(({ n, event }) => [n, event?.kind])).toEqual([
    [1, 'policy'],
    [2, undefined],
    [3, 'recorded'],
    [4, 'recorded'],
  ])
  expect(await store.policy()).toBeNull()
  const origin = new Origin()
  const later = ['a', 'b'].map((user) => origin.recorded({ user, riskLevel: 'HIGH', acceptedAt: NOW + 2 }))
  expect((await store.append([...later, origin.cleared('a', NOW + 3), origin.erased('b', NOW + 3)])).outcomes).toMatchObject([
    { type: 'applied', kept: true },
    { type: 'applied', kept: true },
    { type: 'applied' },
    { type: 'applied' },
  ])
})

test('a batch that can not be applied as a whole is not applied at all', async () => {
  const store = await open()
  const origin = new Origin()
  const [good, bad] = [origin.recorded(), origin.recorded({ acceptedAt: Number.NaN, occurredAt: NOW })]
  await expect(store.append([good, bad])).rejects.toThrow()
  expect(await store.status()).toMatchObject({ n: 0 })
  expect((await store.append([good])).outcomes).toMatchObject([{ type: 'applied', n: 1 }])
})

test('what was erased is in no byte of the files, however often rows were moved about before', async () => {
  const path = newPath()
  const store = await open(path)
  const origin = new Origin()
  const text = (user: number, i: number) => `secret of ${user}: ${`${i} `.repeat(((i * 37) % 400) + 1)}`
  await store.append([origin.policy({ conversations: 4, emotions: 9 })])
  for (let round = 0; round < 30; round++) {
    await store.append(
      Array.from({ length: 50 }, (_, i) => {
        const user = (i * 7 + round * 3) % 24
        const occurredAt = NOW - ((i * 7_919 + round * 104_729) % 80_000_000)
        const said = { query: text(user, i * round), response: text(user, round), topics: [`secret of ${user}: topic`] }
        return origin.recorded({ user: `user ${user}.`, occurredAt, ...said, riskLevel: i % 3 === 0 ? 'HIGH' : 'LOW' })
      }),
    )
  }
  const bytes = () => [path, `${path}-wal`].map((file) => readFileSync(file, 'latin1')).join()
  const erased = Array.from({ length: 12 }, (_, i) => 2 * i)
  for (const user of erased) {
    expect(bytes()).toContain(`secret of ${user}:`)
    await store.append([origin.erased(`user ${user}.`, NOW + 1)])
  }
  // The file is written anew a moment after the last erasure, and before it is closed.
  await store.close()
  const left = readFileSync(path, 'latin1')
  for (const user of erased) {
    expect(left).not.toContain(`secret of ${user}:`)
    expect(left.split(`user ${user}.`), 'but the entry of the erasure, and its index').toHaveLength(3)
  }
  expect(left).toContain('secret of 1:')
})

test('the file is written anew once, soon after erasures that removed anything, and not while they are applied', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const vacuum = vi.spyOn(Database.prototype, 'exec')
  onTestFinished(() => {
    vi.useRealTimers()
    vacuum.mockRestore()
  })
  const rewrites = () => vacuum.mock.calls.filter(([sql]) => sql === 'VACUUM').length
  const path = newPath()
  const store = await open(path)
  const origin = new Origin()
  await store.append(['a', 'b'].map((user) => origin.recorded({ user, query: `secret of ${user}` })))
  await store.append([origin.erased('nobody', NOW + 1)])
  await vi.runAllTimersAsync()
  expect(rewrites()).toBe(0)
  for (const user of ['a', 'b', 'nobody']) await store.append([origin.erased(user, NOW + 1)])
  expect(rewrites()).toBe(0)
  await vi.runAllTimersAsync()
  expect(rewrites()).toBe(1)
  for (const file of [path, `${path}-wal`]) expect(readFileSync(file, 'latin1')).not.toContain('secret of')
  await store.close()
  expect(rewrites()).toBe(1)
  tamper(path, 'UPDATE meta SET unscrubbed = 1')
  await open(path)
  await vi.runAllTimersAsync()
  expect(rewrites(), 'after a crash before it came to that').toBe(2)
})

test('why something could not be recorded is told until something is, whatever else is written', async () => {
  const path = newPath()
  await open(path)
  const file = new DataFile(path)
  const failing = (code: string) => () => {
    throw Object.assign(new Error('it failed'), { code })
  }
  expect(() => file.keep(failing('SQLITE_CONSTRAINT'))).toThrow('it failed')
  expect(file.writeError).toBeNull()
  expect(() => file.keep(failing('SQLITE_FULL'))).toThrow('it failed')
  file.write(() => 'nothing recorded')
  expect(file.writeError).toBe('SQLITE_FULL')
  file.keep(() => 'recorded')
  expect(file.writeError).toBeNull()
})

test('a file that was moved away takes no more writes, which would be lost', async () => {
  const path = newPath()
  const store = await open(path)
  renameSync(path, `${path}.moved`)
  await expect(store.append([new Origin().recorded()])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  expect(await store.status()).toMatchObject({ writeError: 'FILE_GONE' })
  writeFileSync(path, 'another file')
  await expect(store.append([new Origin().recorded()])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  renameSync(`${path}.moved`, path)
  await store.append([new Origin().recorded()])
  expect(await store.status()).toMatchObject({ writeError: null })
})

test('a closed store takes nothing, answers nothing, and lets go of those who wait', async () => {
  const store = await open()
  const beginning = await beginningOf(store)
  const waiting = store.logGrown(beginning, new AbortController().signal)
  await store.close()
  await waiting
  const refusal = { code: 'STORE_UNAVAILABLE' }
  await expect(store.append([new Origin().recorded()])).rejects.toMatchObject(refusal)
  await expect(store.read([{ kind: 'overview' }], NOW)).rejects.toMatchObject(refusal)
  await expect(store.logGrown(beginning, new AbortController().signal)).rejects.toMatchObject(refusal)
  await store.close()
})

test('a crash after an append loses nothing of it', async () => {
  const path = newPath()
  const script = `
    import { openSqliteStore } from ${JSON.stringify(new URL('../../src/store/sqlite/store.ts', import.meta.url).href)}
    import { Origin } from ${JSON.stringify(new URL('../helpers/events.ts', import.meta.url).href)}
    const store = await openSqliteStore({ path: ${JSON.stringify(path)} })
    await store.append([new Origin('crashed').recorded({ id: 'c' })])
    process.kill(process.pid, 'SIGKILL')`
  expect(spawnSync(process.execPath, ['--input-type=module', '-e', script]).signal).toBe('SIGKILL')
  const store = await open(path)
  const {
    answers: [user],
  } = await store.read([{ kind: 'user', userId: 'u' }], NOW)
  expect(user).toMatchObject({ totalChats: 1 })
  expect((await store.append([new Origin('crashed').recorded({ id: 'c' })])).outcomes).toEqual([{ type: 'known', position: 1 }])
})

test('a filter that no index narrows down ends a page early, and tells where to go on', async () => {
  const store = await open()
  const origin = new Origin()
  const count = MAX_CANDIDATES + 10
  const events = Array.from({ length: count }, (_, i) =>
    origin.recorded({ user: `u${i}`, acceptedAt: NOW, occurredAt: NOW - i, riskLevel: i === count - 1 ? 'LOW' : 'HIGH' }),
  )
  for (let i = 0; i < count; i += 500) await store.append(events.slice(i, i + 500))
  const ask = async (page: Page) => {
    const {
      answers: [users],
    } = await store.read([{ kind: 'users', order: 'LAST_ACTIVE_DESC', filter: { hasOpenAlert: false }, page }], NOW)
    return users
  }
  const first = await ask({ limit: 2, take: 'first' })
  expect(first).toEqual({
    items: [],
    hasPrevious: false,
    hasNext: true,
    total: null,
    resume: [NOW - MAX_CANDIDATES + 1, `u${MAX_CANDIDATES - 1}`],
  })
  const second = await ask({ limit: 2, take: 'first', after: first.resume ?? undefined })
  expect(second.items.map(({ key }) => key[1])).toEqual([`u${count - 1}`])
  expect(second).toMatchObject({ hasPrevious: true, hasNext: false, resume: null })
  expect(await ask({ limit: 2, take: 'last' })).toMatchObject({
    items: [{ value: { userId: `u${count - 1}` } }],
    hasPrevious: true,
    hasNext: false,
    resume: [NOW - 10, 'u10'],
  })
})
