import { execFileSync, spawnSync } from 'node:child_process'
import { findChromium, findRedisServer } from './programs.ts'
import { RUN_DIR, tempDir } from './temp.ts'

/** Runs once before all tests: makes sure of the programs that they need (npm runs no `pretest` under ignore-scripts), and of one directory for all that they write. */
export default function setup(): () => void {
  const dir = tempDir()
  process.env[RUN_DIR] = dir.path
  preparePrograms()
  return () => dir.remove()
}

function preparePrograms(): void {
  if (!findRedisServer()) installRedis()
  if (findChromium()) return
  if (process.env.REQUIRE_CHROMIUM === '1') {
    throw new Error('REQUIRE_CHROMIUM=1, but there is no Chromium: install it (apt-get install chromium) or name one in CHROMIUM_BIN.')
  }
  console.warn(`\n${'*'.repeat(100)}
*  SKIPPED: the browser test. No Chromium was found: apt-get install chromium, or name one in CHROMIUM_BIN.
${'*'.repeat(100)}\n`)
}

function installRedis(): void {
  const named = process.env.REDIS_SERVER_BIN
  if (named) throw new Error(`REDIS_SERVER_BIN names ${named}, which can't be run: correct it, or leave it out.`)
  const aptGet = (...args: string[]) =>
    execFileSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
  try {
    if (process.getuid?.() !== 0) throw new Error('not root')
    console.log('No redis-server on the PATH: installing it with apt-get …')
    aptGet('update', '-q')
    aptGet('install', '-y', '-q', '--no-install-recommends', 'redis-server')
  } catch (error) {
    throw new Error('The tests need a redis-server: apt-get install redis-server, or name one in REDIS_SERVER_BIN.', { cause: error })
  }
  // Where the package starts a server by itself, nobody asked for that one.
  spawnSync('service', ['redis-server', 'stop'], { stdio: 'ignore' })
  if (!findRedisServer()) throw new Error('apt-get installed redis-server, but it is not on the PATH: name it in REDIS_SERVER_BIN.')
}
