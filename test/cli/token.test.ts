import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { decodeJwt } from 'jose'
import { describe, expect, onTestFinished, test } from 'vitest'
import { keyPair } from '../auth/keys.ts'
import { spawnTied } from '../helpers/children.ts'
import { findProgram } from '../helpers/programs.ts'
import { freshSettings, serveHere, serving, xinyi } from './xinyi.ts'

const DAY_S = 86_400

describe('xinyi token', () => {
  test('prints a token that the server takes, made before it ever ran', { timeout: 60_000 }, async () => {
    const settings = freshSettings({ AUTH: 'on' })
    const { stdout, stderr, code } = await xinyi(
      ['token', '--role', 'counselor', '--name', '李老师', '--sub', 'li', '--days', '2'],
      settings,
    )
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    const { iat = 0, ...claims } = decodeJwt(stdout.trim())
    expect(claims).toEqual({ sub: 'li', name: '李老师', role: 'COUNSELOR', exp: expect.any(Number) })
    expect(Math.abs((claims.exp ?? 0) - iat - 2 * DAY_S)).toBeLessThan(2)
    expect(statSync(join(settings.DATA_DIR, 'token.key')).mode & 0o777).toBe(0o600)

    const { url } = await serveHere(settings)
    const ask = async (headers: Record<string, string>) =>
      fetch(`${url}?query={viewer{name,role}}`, { headers: { accept: 'application/json', ...headers } })
    expect((await ask({})).status).toBe(401)
    const answer = await ask({ authorization: `Bearer ${stdout.trim()}` })
    expect(await answer.json()).toMatchObject({ data: { viewer: { name: '李老师', role: 'COUNSELOR' } } })
  })

  test('goes by the configured secret, issuer and audience', async () => {
    const settings = freshSettings({ AUTH_JWT_SECRET: 'x'.repeat(32), AUTH_ISSUER: 'https://id.example', AUTH_AUDIENCE: 'xinyi' })
    const { stdout } = await xinyi(['token', '--role', 'SERVICE', '--name', 'back end'], settings)
    expect(decodeJwt(stdout.trim())).toMatchObject({ sub: 'back end', iss: 'https://id.example', aud: 'xinyi' })
    expect(existsSync(join(settings.DATA_DIR, 'token.key'))).toBe(false)
  })

  test.each([
    [['--role', 'ROOT', '--name', 'li'], '--role has to be one of SERVICE, COUNSELOR, SUPERVISOR, ADMIN.'],
    [['--role', 'ADMIN', '--name', ' '], '--name has to be 1 to 200 characters.'],
    [['--role', 'ADMIN', '--name', 'li', '--days', '0'], '--days has to be a whole number from 1 to 3650.'],
  ])('says what is wrong with %j', async (options, sentence) => {
    expect(await xinyi(['token', ...options], freshSettings())).toMatchObject({ stdout: '', stderr: `${sentence}\n`, code: 1 })
  })

  test('has no key to sign with where another signs', async () => {
    const settings = freshSettings()
    const file = join(settings.DATA_DIR, 'keys.json')
    writeFileSync(file, JSON.stringify({ keys: [(await keyPair('ES256')).jwk] }))
    const { stderr, code } = await xinyi(['token', '--role', 'ADMIN', '--name', 'li'], { ...settings, AUTH_JWKS_FILE: file })
    expect([code, stderr]).toEqual([1, expect.stringContaining('get one from there, or set AUTH_JWT_SECRET too')])
  })
})

// Of util-linux: runs a command on a terminal of its own.
const script = findProgram('script')

test.skipIf(!script)(
  'a start on a terminal prints a link that signs in; one elsewhere, or a log, has none',
  { timeout: 60_000 },
  async () => {
    const settings = freshSettings({ AUTH: 'on', LOG_LEVEL: 'trace' })
    const { said } = await serving('serve', freshSettings({ AUTH: 'on' }))
    expect(said.join()).not.toContain('#code=')

    const log = join(settings.DATA_DIR, 'stderr.log')
    const { PATH = '', HOME = '' } = process.env
    const child = spawnTied(script ?? '', ['-qec', `exec "${process.execPath}" src/xinyi.js serve 2>"${log}"`, '/dev/null'], {
      env: { PATH, HOME, ...settings },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    onTestFinished(async () => {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    })
    if (!child.stdout) throw new Error('no standard output')
    let link: string | undefined
    for await (const line of createInterface({ input: child.stdout })) {
      link = /http:\S+#code=\S+/.exec(line)?.[0]
      if (link) break
    }
    const [url = '', code = ''] = (link ?? '').split('#code=')
    const signedIn = await fetch(url.replace('/graphql', '/session'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    })
    expect([signedIn.status, (await signedIn.json()).roles]).toEqual([200, ['SUPERVISOR']])
    expect(readFileSync(log, 'utf8')).not.toContain(code)
  },
)
