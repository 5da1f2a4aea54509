import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { buildApp } from '../../src/app.ts'
import { restoreBackup } from '../../src/backup/restore.ts'
import { verifyAuditLog } from '../../src/commands/audit.ts'
import { backup } from '../../src/commands/backup.ts'
import type { Config } from '../../src/config.ts'
import { tempDir } from '../helpers/temp.ts'
import { graphql, raise, startApp } from '../http/app.ts'

const BACK = { force: false, rollback: false, backend: 'sqlite' } as const

/** What a backup through the running server says, as JSON. */
async function told(config: Config, place: string, options: { keep?: string; drill?: boolean } = {}) {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  onTestFinished(() => log.mockRestore())
  await backup(config, place, { ...options, json: true })
  return JSON.parse(String(log.mock.lastCall?.[0]))
}

const erase = (url: string, userId: string) =>
  graphql(url, 'mutation ($userId: String!) { eraseUser(userId: $userId, reason: "asked for") { removed { conversations } } }', { userId })

test('whoever was erased after a backup is not in what is restored from it, nor named by its audit log; everything else is', async () => {
  const { app, url, config, dataDir } = await startApp()
  const said = { userId: 'somebody-erased', query: 'nobody may read this again', response: 'r', riskLevel: 'HIGH' }
  await graphql(url, 'mutation ($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate } }', { input: said })
  await raise(url, 'bob')
  const file = join(dataDir, 'x.backup')
  const { contents, audit } = await told(config, file, { drill: true })
  expect(contents.rows.users).toBe(2)
  expect(audit.entries).toBeGreaterThan(1)
  await erase(url, 'somebody-erased')
  await app.close()
  // All is lost but the backup, and the note of who was erased, of which somebody has spoilt a line.
  appendFileSync(join(dataDir, 'xinyi.erased'), 'nobody\n')
  for (const name of readdirSync(dataDir)) if (!['x.backup', 'xinyi.erased'].includes(name)) rmSync(join(dataDir, name))

  expect(await restoreBackup(file, dataDir, BACK)).toMatchObject({ replaced: null, erased: 1, unreadable: 1, isNoted: true, audit: true })
  // The log says for some days that they were erased.
  for (const [name, gone] of [
    ['xinyi.db', said.query],
    ['audit.db', said.userId],
  ] as const) {
    expect(readFileSync(join(dataDir, name)).includes(gone), name).toBe(false)
    expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600)
  }
  const again = await buildApp(config, { logger: pino({ level: 'silent' }) })
  onTestFinished(() => again.close())
  const { answers } = await again.services.store.read(
    ['somebody-erased', 'bob'].map((userId) => ({ kind: 'user', userId })),
    Date.now(),
  )
  expect(answers.map((user) => user?.totalChats)).toEqual([undefined, 1])
  expect(await verifyAuditLog(config)).toMatchObject({ faults: [], entries: audit.entries })
})

test('the audit log that is there stays when a backup is restored over what is there', async () => {
  const { app, url, config, dataDir } = await startApp()
  await raise(url, 'ann')
  const file = join(dataDir, 'x.backup')
  await told(config, file)
  await raise(url, 'bob')
  await app.close()
  const before = readFileSync(join(dataDir, 'audit.db'))
  expect(await restoreBackup(file, dataDir, { ...BACK, force: true })).toMatchObject({
    audit: false,
    replaced: expect.stringMatching(/replaced/),
  })
  expect(readFileSync(join(dataDir, 'audit.db')).equals(before)).toBe(true)
})

test('cursors of a log that has gone on from a backup go back to it, and with a rollback expire', async () => {
  const { app, url, config, dataDir } = await startApp()
  await raise(url, 'ann')
  const file = join(dataDir, 'x.backup')
  const { contents } = await told(config, file)
  await raise(url, 'bob')
  const after = (await app.services.store.status()).settled
  await app.close()
  for (const rollback of [false, true]) {
    const dir = tempDir()
    onTestFinished(dir.remove)
    await restoreBackup(file, dir.path, { ...BACK, rollback })
    const back = await buildApp({ ...config, dataDir: dir.path }, { logger: pino({ level: 'silent' }) })
    onTestFinished(() => back.close())
    const { store } = back.services
    const read = store.log(after, 10)
    if (rollback) await expect(read).rejects.toMatchObject({ code: 'CURSOR_EXPIRED' })
    else expect((await read).entries).toEqual([])
    expect((await store.status()).n).toBe(contents.n)
  }
})

test('with --keep a backup gets a name with the time in a directory, and older ones go once the new one was tried', async () => {
  const { url, config } = await startApp()
  await raise(url, 'ann')
  const dir = tempDir()
  onTestFinished(dir.remove)
  const place = join(dir.path, 'backups')
  const first = await told(config, place, { keep: '1d' })
  expect(first).toMatchObject({ file: expect.stringMatching(/\/xinyi-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.backup$/), removed: [] })
  expect(statSync(place).mode & 0o777).toBe(0o700)
  const old = 'xinyi-2020-02-02T02-02-02Z.backup'
  renameSync(first.file, join(place, old))
  const second = await told(config, place, { keep: '1d', drill: true })
  expect(second.removed).toEqual([old])
  expect(readdirSync(place)).toEqual([second.file.slice(place.length + 1)])
  await expect(backup(config, second.file, { keep: '1d' })).rejects.toThrow(/With --keep, name a directory/)
})
