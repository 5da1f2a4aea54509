import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { chatsOf } from '../faults/several.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { tempDir } from '../helpers/temp.ts'
import { replicaHere } from '../helpers/this-thread.ts'

const SECRET = 'nobody may ever read this again'

/** A store on SQLite alone, whose data file can be lost, or be another one. */
function place() {
  const dir = tempDir()
  onTestFinished(dir.remove)
  const [path, note, copy] = ['xinyi.db', 'xinyi.erased', 'copy.db'].map((name) => join(dir.path, name)) as [string, string, string]
  const said: string[] = []
  let store: Store | undefined
  const close = async () => {
    await store?.close()
    store = undefined
  }
  onTestFinished(close)
  return {
    ...{ path, note, said, close },
    async open(): Promise<Store> {
      await close()
      store = await openSqliteStore({ path, logger: { warn: (_: object, sentence: string) => void said.push(sentence) } })
      return store
    },
    takeCopy: () => store?.snapshot(copy),
    async lose() {
      await close()
      for (const each of [path, `${path}-wal`]) rmSync(each, { force: true })
    },
    putBack: () => copyFileSync(copy, path),
  }
}

/** Ann has confided something, a copy was taken, and she was erased. */
async function erased() {
  const at = place()
  const store = await at.open()
  const origin = new Origin()
  await store.append([origin.recorded({ user: 'ann', query: SECRET }), origin.recorded({ user: 'bob', id: 'b' })])
  await at.takeCopy()
  await store.append([origin.erased('ann', NOW + 1)])
  return at
}

test('whoever was erased is not in an older copy of the data file that is put back, and nothing they said is in its bytes', async () => {
  const at = await erased()
  await at.lose()
  at.putBack()
  const store = await at.open()
  expect(await chatsOf(store, 'ann')).toEqual([])
  expect(await chatsOf(store, 'bob')).toEqual(['b'])
  expect((await store.append([new Origin().recorded({ user: 'ann', acceptedAt: NOW + 1 })])).outcomes).toMatchObject([{ type: 'dead' }])
  expect(at.said).toEqual(['people who had been erased were in the data file again: they are erased again'])
  await at.close()
  expect(readFileSync(at.path).includes(SECRET)).toBe(false)
  // The next start has nothing to do.
  await at.open()
  expect(at.said).toHaveLength(1)
})

test('whoever was erased is known as such when the data file is lost, and what is from before is not taken again', async () => {
  const at = await erased()
  await at.lose()
  const origin = new Origin()
  const store = await at.open()
  const { outcomes } = await store.append([
    origin.recorded({ user: 'ann', acceptedAt: NOW + 5, occurredAt: NOW }),
    origin.adopted('ann', { totalChats: 3, createdAt: NOW }, NOW + 5),
    origin.recorded({ user: 'ann', id: 'later', acceptedAt: NOW + 5 }),
  ])
  expect(outcomes.map(({ type }) => type)).toEqual(['dead', 'dead', 'applied'])
  // The same data set goes on from the copy, once that is found.
  await at.lose()
  at.putBack()
  expect(await chatsOf(await at.open(), 'ann')).toEqual([])
})

test('the note of who was erased names nobody, and is for this account only', async () => {
  const at = await erased()
  await at.close()
  const text = readFileSync(at.note, 'utf8')
  expect(text).toMatch(/^[0-9a-f]{64} [0-9a-f]{64} \d+ [0-9a-f]{8}\n$/)
  expect(statSync(at.note).mode & 0o777).toBe(0o600)
})

test('a note that ends in the middle of a line, or has a line that can not be read, still tells of everybody else, and it is said', async () => {
  const at = await erased()
  await at.close()
  const whole = readFileSync(at.note, 'utf8')
  const other = whole.replace(/ \d+ /, ' 17 ')
  writeFileSync(at.note, `${other}${whole}${whole.slice(0, 100)}`)
  await at.lose()
  at.putBack()
  const store = await at.open()
  expect(await chatsOf(store, 'ann')).toEqual([])
  expect(at.said).toEqual([
    'people who had been erased were in the data file again: they are erased again',
    'the note of who was erased has lines that can not be read: npx xinyi doctor',
    'the last line of the note of who was erased was not whole, and is cut off',
  ])
  expect(readFileSync(at.note, 'utf8')).toBe(`${other}${whole}`)
  // A line that was left unfinished while it ran does not spoil the next.
  appendFileSync(at.note, whole.slice(0, 50))
  await store.append([new Origin().erased('bob', NOW + 2)])
  expect(
    readFileSync(at.note, 'utf8')
      .split('\n')
      .map(({ length }) => length),
  ).toEqual([other.length - 1, 152, 152, 0])
})

test('a note that was lost is made again from the data file', async () => {
  const at = await erased()
  await at.close()
  const whole = readFileSync(at.note, 'utf8')
  rmSync(at.note)
  await at.open()
  expect(readFileSync(at.note, 'utf8')).toBe(whole)
})

test('where an erasure can not be noted, nothing of its batch is done: what is refused may be sent again, and counts once', async () => {
  const at = place()
  const store = await at.open()
  const origin = new Origin()
  await store.append([origin.recorded({ user: 'ann', id: 'a' })])
  mkdirSync(at.note)
  const batch = [origin.recorded({ user: 'bob', id: 'b' }), origin.erased('ann', NOW + 1)]
  await expect(store.append(batch)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  expect(await chatsOf(store, 'ann')).toEqual(['a'])
  expect(await chatsOf(store, 'bob')).toEqual([])
  rmdirSync(at.note)
  expect((await store.append(batch)).outcomes.map(({ type }) => type)).toEqual(['applied', 'applied'])
  expect(await chatsOf(store, 'ann')).toEqual([])
  expect(await chatsOf(store, 'bob')).toEqual(['b'])
  expect(readFileSync(at.note, 'utf8').trim().split('\n')).toHaveLength(1)
})

test('whoever is erased twice in a batch is noted with the later time', async () => {
  const at = place()
  const store = await at.open()
  const origin = new Origin()
  await store.append([origin.erased('ann', NOW), origin.erased('ann', NOW + 7)])
  expect(readFileSync(at.note, 'utf8').match(/ \d{13} /g)).toContain(` ${NOW + 7} `)
})

test('where nobody was ever erased there is no note', async () => {
  const at = place()
  await (await at.open()).append([new Origin().recorded({ user: 'ann' })])
  expect(existsSync(at.note)).toBe(false)
})

test('where an erasure can not be noted, nothing that was to be journaled with it is: sent again, it counts once', async () => {
  const at = place()
  const replica = replicaHere(at.path)
  onTestFinished(() => replica.close())
  const origin = new Origin()
  const events = [origin.recorded({ user: 'bob', id: 'b' }), origin.erased('ann')]
  mkdirSync(at.note)
  const refused = { code: 'STORE_UNAVAILABLE', cause: { code: 'EISDIR' } }
  await expect(replica.journal(events)).rejects.toMatchObject(refused)
  await expect(replica.journalAndApply(events)).rejects.toMatchObject(refused)
  expect(await replica.journalAfter({ after: 0, limit: 10 })).toEqual([])
  rmdirSync(at.note)
  await replica.journal(events)
  expect(await replica.journalAfter({ after: 0, limit: 10 })).toHaveLength(2)
})
