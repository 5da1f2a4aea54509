import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openReplica } from '../../src/store/failover/replica.ts'
import { tempDir } from '../helpers/temp.ts'

const mapped = (): boolean => readFileSync('/proc/self/maps', 'utf8').includes('better-sqlite3')

test.runIf(process.platform === 'linux')("SQLite's library stays in memory when the thread ends that used it", async () => {
  const dir = tempDir()
  onTestFinished(() => dir.remove())
  const replica = await openReplica(join(dir.path, 'xinyi.db'))
  expect(mapped()).toBe(true)
  await replica.close()
  expect(mapped()).toBe(true)
})
