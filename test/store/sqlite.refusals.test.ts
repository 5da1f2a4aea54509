import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { StartError } from '../../src/errors.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { Origin } from '../helpers/events.ts'
import { newPath, open, tamper, written } from './sqlite.files.ts'

describe('a file that can not be used is refused with a sentence', () => {
  const refused = async (path: string, reason: RegExp) => {
    const error = await openSqliteStore({ path }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(StartError)
    expect(String(error)).toMatch(reason)
  }

  test('one that was there and is empty', async () => {
    const path = await written()
    writeFileSync(path, '')
    await refused(path, /is empty, so what it held is lost\. Put back a backup/)
    expect(statSync(path).size, 'and it is left as it is').toBe(0)
  })

  test('one that is gone while its write-ahead log is there', async () => {
    const path = newPath()
    mkdirSync(join(path, '..'))
    writeFileSync(`${path}-wal`, '')
    await refused(path, /is gone, but .*-wal, which belongs to it, is there\. Put back a backup/)
    expect(existsSync(path)).toBe(false)
  })

  test('one that is no database', async () => {
    const path = await written()
    writeFileSync(path, 'Dear diary, '.repeat(1_000))
    await refused(path, /is not a database\. Put back a backup/)
    expect(readFileSync(path, 'utf8')).toMatch(/^Dear diary/)
  })

  test("another program's database", async () => {
    const path = await written()
    tamper(path, 'PRAGMA application_id = 0')
    await refused(path, /is a database of another program/)
  })

  test('one that a newer version wrote', async () => {
    const path = await written()
    tamper(path, 'PRAGMA user_version = 99')
    await refused(path, /was written by a newer Xinyi \(format 99; .*Start that version/)
  })

  test('one with a damaged page', async () => {
    const path = await written()
    const bytes = readFileSync(path)
    bytes.fill(0xff, 4_096 * 4, 4_096 * 9)
    writeFileSync(path, bytes)
    await refused(path, /is damaged \(.*Put back a backup/)
  })

  test('one that was cut off', async () => {
    const path = await written()
    writeFileSync(path, readFileSync(path).subarray(0, 4_096 * 5))
    await refused(path, /is damaged \(.*Put back a backup/)
  })

  test('one in a place where nothing can be written', async () => {
    const path = newPath()
    mkdirSync(path, { recursive: true })
    await refused(path, /can't be opened|can't be made/)
    await refused(join(await written(), 'xinyi.db'), /can't be made or read .*Check DATA_DIR/)
  })

  test('one that does not say which data set it holds', async () => {
    const path = await written()
    tamper(path, 'UPDATE meta SET n = 9007199254740993')
    await refused(path, /is damaged \(it does not say which data set it holds\)/)
  })

  test('memory, which is no file', async () => {
    await refused(':memory:', /must be kept in a file/)
    expect(existsSync(':memory:')).toBe(false)
  })

  test('one that this process has open', async () => {
    const path = newPath()
    await open(path)
    await refused(path, /is in use by another process\. Stop that one/)
  })

  test('one that another process has open, which goes on undisturbed', async () => {
    const path = newPath()
    const store = await open(path)
    const script = `
      import { openSqliteStore } from ${JSON.stringify(new URL('../../src/store/sqlite/store.ts', import.meta.url).href)}
      await openSqliteStore({ path: ${JSON.stringify(path)} }).then(() => console.log('opened'), (error) => console.log(String(error)))`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    expect(stdout).toMatch(/StartError: .* is in use by another process/)
    expect((await store.append([new Origin().recorded()])).outcomes).toMatchObject([{ type: 'applied', n: 1 }])
  })
})

test('a first start that is killed while it makes the file is followed by another as if it had not been', async () => {
  const path = newPath()
  const script = `
    import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    fs.linkSync = () => process.kill(process.pid, 'SIGKILL')
    syncBuiltinESMExports()
    const { openDatabase } = await import(${JSON.stringify(new URL('../../src/store/sqlite/open.ts', import.meta.url).href)})
    openDatabase(${JSON.stringify(path)})`
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script])
  expect(signal).toBe('SIGKILL')
  expect(existsSync(path)).toBe(false)
  const store = await open(path)
  expect((await store.append([new Origin().recorded()])).outcomes).toMatchObject([{ type: 'applied', n: 1 }])
})
