import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { newPath, open, tamper } from './sqlite.files.ts'

const MIGRATIONS = join(import.meta.dirname, '../../src/store/sqlite/migrations')
const names = readdirSync(MIGRATIONS).sort()

function schemaOf(path: string): unknown[] {
  const db = new Database(path, { readonly: true })
  const schema = [db.pragma('user_version'), db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name').all()]
  db.close()
  return schema
}

test.each(names.map((_, i) => i + 1))('a file of format %i is brought up to date, and becomes what a new one is', async (format) => {
  const [path, fresh] = [newPath(), newPath()]
  mkdirSync(dirname(path))
  for (const name of names.slice(0, format)) tamper(path, readFileSync(join(MIGRATIONS, name), 'utf8'))
  tamper(
    path,
    `PRAGMA journal_mode = WAL; PRAGMA application_id = 0x58696e79; PRAGMA user_version = ${format};
    INSERT INTO meta (one, data_set_id, epoch, tombstone_key) VALUES (1, 'data set', 'epoch', x'00')`,
  )
  const store = await open(path)
  expect((await store.status()).dataSetId).toBe('data set')
  await store.append([new Origin().recorded({ user: 'ada' })])
  expect((await store.read([{ kind: 'user', userId: 'ada' }], NOW)).answers[0]?.totalChats).toBe(1)
  await store.close()
  await (await openSqliteStore({ path: fresh })).close()
  expect(schemaOf(path)).toEqual(schemaOf(fresh))
})
