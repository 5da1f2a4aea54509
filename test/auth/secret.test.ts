import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ownSecret } from '../../src/auth/secret.ts'
import { tempDir } from '../helpers/temp.ts'

function dataDir(): { path: string; file: string } {
  const dir = tempDir()
  onTestFinished(dir.remove)
  return { path: dir.path, file: join(dir.path, 'token.key') }
}

test('whoever asks at the same time gets the same secret, which nobody else may read', async () => {
  const { path, file } = dataDir()
  const secrets = await Promise.all(Array.from({ length: 20 }, () => ownSecret(path)))
  expect(new Set(secrets.map((secret) => Buffer.from(secret).toString())).size).toBe(1)
  expect(readFileSync(file, 'utf8').trim()).toBe(Buffer.from(await ownSecret(path)).toString())
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(path)).toEqual(['token.key'])
  expect(secrets[0]?.length).toBeGreaterThanOrEqual(32)
})

test('each data directory has its own', async () => {
  const secrets = await Promise.all([ownSecret(dataDir().path), ownSecret(dataDir().path)])
  expect(secrets[0]).not.toEqual(secrets[1])
})

test('one that others may read is refused, and so is one that is none', async () => {
  const { path, file } = dataDir()
  await ownSecret(path)
  chmodSync(file, 0o640)
  await expect(ownSecret(path)).rejects.toThrow(/Others may read the secret/)
  chmodSync(file, 0o600)
  writeFileSync(file, 'short')
  await expect(ownSecret(path)).rejects.toThrow(/no secret of 32 bytes/)
})
