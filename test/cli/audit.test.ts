import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { freshSettings, serving, xinyi } from './xinyi.ts'

const RECORD = 'mutation { recordConversation(input: { userId: "u", query: "q", response: "r" }) { duplicate } }'

test('audit verify reads the log with and without a running server, and finds one changed byte', { timeout: 60_000 }, async () => {
  const settings = freshSettings()
  const server = await serving('serve', settings)
  await server.query(RECORD)
  await server.query(RECORD)
  expect(await xinyi(['audit', 'verify'], settings)).toEqual({
    code: 0,
    stdout: 'The audit log is whole: 2 entries in 1 chain.\n',
    stderr: '',
  })
  await server.stop()
  const { code, stdout } = await xinyi(['audit', 'verify', '--json'], settings)
  expect({ code, ...JSON.parse(stdout) }).toEqual({ code: 0, whole: true, entries: 2, chains: 1, faults: [], redis: null })

  const db = new Database(join(settings.DATA_DIR, 'audit.db'))
  db.exec("DROP TRIGGER entries_are_not_changed; UPDATE entries SET body = replace(body, 'OK', 'OL') WHERE id LIKE '%1'")
  db.close()
  const broken = await xinyi(['audit', 'verify'], settings)
  expect(broken.code).toBe(1)
  expect(broken.stdout).toMatch(
    /^The audit log is NOT as it was written \(2 entries in 1 chain\):\n {2}- Entry [0-9a-f]{16}-000000000001 is not as it was written/,
  )
})

test('audit verify where there is no log says so', async () => {
  const settings = freshSettings()
  expect(await xinyi(['audit', 'verify'], settings)).toEqual({
    code: 1,
    stdout: '',
    stderr: `There is no audit log ${join(settings.DATA_DIR, 'audit.db')} yet. Check DATA_DIR, or start a server there.\n`,
  })
})
