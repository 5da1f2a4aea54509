import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

test('a few seconds of faults: nothing acknowledged is lost or counted twice, and all stores agree again', {
  timeout: 60_000,
}, async () => {
  const child = spawn(process.execPath, [MAIN, '--seconds', '4', '--seed', '1', '--writers', '2', '--subscribers', '2', '--clients', '6'])
  const [said, complained, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  expect({ code, output: code === 0 ? '' : said + complained }).toEqual({ code: 0, output: '' })
})
