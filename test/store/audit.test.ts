import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import type { AuditNote } from '../../src/store/audit/audit.ts'
import { Ledger } from '../../src/store/audit/ledger.ts'
import { verifyAudit } from '../../src/store/audit/verify.ts'
import { tempDir } from '../helpers/temp.ts'

const NOTE: AuditNote = {
  at: 1_000,
  requestId: 'request',
  actor: { sub: 'li', name: '李老师', role: 'COUNSELOR' },
  action: 'Query.user',
  userId: 'ada',
  fields: ['Conversation.query'],
  outcome: 'OK',
}
const PAGE = { take: 'first', limit: 100 } as const

function files() {
  const dir = tempDir()
  onTestFinished(dir.remove)
  return { path: join(dir.path, 'audit.db'), headPath: join(dir.path, 'audit.head') }
}

/** A log with entries of three users, one of them erased; closed. */
function written() {
  const at = files()
  const ledger = new Ledger(at)
  ledger.append(['ada', 'bob', 'cleo', 'ada', 'bob'].map((userId, i) => ({ ...NOTE, userId, at: 1_000 + i })))
  ledger.append([{ ...NOTE, userId: 'bob', action: 'Mutation.eraseUser', at: 2_000, fields: [], erases: true }])
  ledger.append([{ ...NOTE, userId: null, actor: null, action: 'Mutation.pinStorage', at: 3_000, fields: [] }])
  ledger.close()
  return at
}

/** Changes the file behind the log's back. */
function tamper({ path }: { path: string }, sql: string, ...params: unknown[]): void {
  const db = new Database(path)
  db.exec('DROP TRIGGER IF EXISTS entries_are_not_changed; DROP TRIGGER IF EXISTS entries_are_not_deleted')
  db.prepare(sql).run(...params)
  db.close()
}

const idsOf = ({ path }: { path: string }): string[] => {
  const db = new Database(path, { readonly: true })
  const ids = db.prepare('SELECT id FROM entries ORDER BY id').pluck().all().map(String)
  db.close()
  return ids
}

test('what was written is whole, over a restart too', () => {
  const at = written()
  const again = new Ledger(at)
  again.append([NOTE])
  again.close()
  expect(verifyAudit(at)).toEqual({ entries: 8, chains: 1, faults: [] })
})

test('one changed byte of any row is found', () => {
  const at = written()
  const original = readFileSync(at.path)
  const db = new Database(at.path, { readonly: true })
  const cells = [
    'entries id',
    'entries body',
    'entries hash',
    'chains origin',
    'chains key',
    'chains parent',
    'names pseudonym',
    'names user_id',
    'erasures pseudonym',
  ]
    .map((cell) => cell.split(' '))
    .flatMap(([table = '', column = '']) =>
      db
        .prepare(`SELECT CAST(${column} AS BLOB) FROM ${table}`)
        .pluck()
        .all()
        .map((value) => value as Buffer)
        .map((value) => ({ table, column, value })),
    )
  db.close()
  fc.assert(
    fc.property(fc.constantFrom(...cells), fc.nat(), fc.integer({ min: 1, max: 255 }), ({ table, column, value }, place, flip) => {
      writeFileSync(at.path, original)
      const changed = Buffer.from(value)
      changed[place % changed.length] = (changed[place % changed.length] ?? 0) ^ flip
      // As a program of one's own would leave it: the row changed, and the indexes with it, where SQLite lets that happen at all.
      try {
        tamper(at, `UPDATE ${table} SET ${column} = CAST(? AS TEXT) WHERE ${column} = CAST(? AS TEXT)`, changed, value)
      } catch {
        return
      }
      expect(verifyAudit(at).faults).not.toEqual([])
    }),
    { numRuns: 60 },
  )
})

test('a row that says for whom a mark stands is missed, unless they were erased', () => {
  const at = written()
  const again = new Ledger(at)
  again.append([{ ...NOTE, userId: 'bob', at: 2_500 }])
  again.close()
  expect(verifyAudit(at).faults).toEqual([])
  tamper(at, 'DELETE FROM names WHERE user_id IN (?, ?)', 'cleo', 'bob')
  const missed = expect.stringMatching(/^Nothing says any more for whom the mark [\w-]{43} stands, who was not erased\.$/)
  expect(verifyAudit(at).faults).toEqual([missed, missed])
})

test('one changed byte in the file, past SQLite, is found wherever an entry has it', () => {
  const at = written()
  const original = readFileSync(at.path)
  const db = new Database(at.path, { readonly: true })
  const bodies = db
    .prepare('SELECT body FROM entries')
    .pluck()
    .all()
    .map((body) => original.indexOf(Buffer.from(String(body))))
  db.close()
  fc.assert(
    fc.property(fc.constantFrom(...bodies), fc.nat({ max: 150 }), fc.integer({ min: 1, max: 255 }), (start, offset, flip) => {
      expect(start).toBeGreaterThan(0)
      const changed = Buffer.from(original)
      changed[start + offset] = (changed[start + offset] ?? 0) ^ flip
      writeFileSync(at.path, changed)
      expect(verifyAudit(at).faults).not.toEqual([])
    }),
    { numRuns: 40 },
  )
})

test.each([
  ['the end', (ids: string[]) => ids.slice(-2)],
  ['the middle', (ids: string[]) => ids.slice(2, 4)],
  ['the beginning', (ids: string[]) => ids.slice(0, 1)],
  ['all of it', (ids: string[]) => ids],
])('%s cut out is noticed', (_, chosen) => {
  const at = written()
  tamper(at, `DELETE FROM entries WHERE id IN (SELECT value FROM json_each(?))`, JSON.stringify(chosen(idsOf(at))))
  expect(verifyAudit(at).faults).not.toEqual([])
})

test('an end that was cut off stays known when the server goes on: it begins another chain', () => {
  const at = written()
  tamper(at, 'DELETE FROM entries WHERE id = ?', idsOf(at).at(-1))
  const again = new Ledger(at)
  again.append([NOTE, NOTE])
  again.close()
  expect(verifyAudit(at).faults).toEqual([expect.stringContaining('the end was cut off')])
})

test('a log that is deleted altogether is missed', () => {
  const at = written()
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${at.path}${suffix}`, { force: true })
  const again = new Ledger(at)
  again.append([NOTE])
  again.close()
  expect(verifyAudit(at).faults).toEqual([expect.stringContaining('knows 7 entries')])
})

test('a copy that is put back goes on in a chain of its own, which says where it began', () => {
  const at = written()
  copyFileSync(at.path, `${at.path}.copy`)
  renameSync(`${at.path}.copy`, at.path)
  const again = new Ledger(at)
  again.append([NOTE])
  again.close()
  expect(verifyAudit(at)).toEqual({ entries: 8, chains: 2, faults: [] })
})

test('a head that is known from elsewhere is missed where it is not there', () => {
  const at = written()
  const [origin = ''] = idsOf(at)[0]?.split('-') ?? []
  expect(verifyAudit({ ...at, heads: [{ origin, seq: 8, hash: '' }] }).faults).toEqual([expect.stringContaining('Redis knows 8 entries')])
  expect(verifyAudit({ ...at, heads: [{ origin, seq: 3, hash: '' }] }).faults).toEqual([expect.stringContaining('as another than is here')])
})

test('entries can not be changed or deleted in passing', () => {
  const at = written()
  const db = new Database(at.path)
  expect(() => db.exec("UPDATE entries SET hash = ''")).toThrow('append-only')
  expect(() => db.exec('DELETE FROM entries')).toThrow('append-only')
  db.close()
})

test('after an erasure entries name their user by a mark, even when the user comes again; all of them are still found by the id', () => {
  const at = written()
  const ledger = new Ledger(at)
  onTestFinished(() => ledger.close())
  ledger.append([{ ...NOTE, userId: 'bob', at: 4_000 }])
  const found = ledger.page({ userId: 'bob', page: PAGE }).items.map(({ value }) => value)
  expect(found.map(({ userId }) => userId)).toEqual(['bob', null, null, null])
  expect(new Set(found.map(({ userMark }) => userMark)).size).toBe(1)
  expect(ledger.page({ userId: 'ada', page: PAGE }).items.map(({ value }) => value.userId)).toEqual(['ada', 'ada'])
  expect(readFileSync(at.path).includes(Buffer.from('cleo'))).toBe(true)
})

test('what is erased is in no byte of the file', () => {
  const at = files()
  const ledger = new Ledger(at)
  ledger.append([{ ...NOTE, userId: 'somebody-in-particular' }])
  ledger.append([{ ...NOTE, userId: 'somebody-in-particular', at: 2_000, erases: true }])
  // What was under way meanwhile.
  ledger.append([{ ...NOTE, userId: 'somebody-in-particular', at: 1_999 }])
  ledger.close()
  expect(readFileSync(at.path).includes(Buffer.from('somebody-in-particular'))).toBe(false)
})

test('pages are newest first, and go on from where one ends, forward and backward', () => {
  const at = written()
  const ledger = new Ledger(at)
  onTestFinished(() => ledger.close())
  const all = ledger.page({ page: PAGE }).items
  expect(all.map(({ value }) => value.at)).toEqual([3_000, 2_000, 1_004, 1_003, 1_002, 1_001, 1_000])
  const second = ledger.page({ page: { take: 'first', limit: 2, after: all[1]?.key } })
  expect(second).toMatchObject({ hasNext: true, hasPrevious: true })
  expect(second.items).toEqual(all.slice(2, 4))
  expect(ledger.page({ page: { take: 'last', limit: 2 } }).items).toEqual(all.slice(-2))
  expect(ledger.page({ from: 1_001, to: 1_003, page: PAGE }).items).toEqual(all.slice(3, 6))
  expect(ledger.page({ actor: 'wang', page: PAGE }).items).toEqual([])
  expect(ledger.page({ actor: 'li', page: PAGE }).items).toEqual(all.slice(1))
})
