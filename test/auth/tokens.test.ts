import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UnsecuredJWT } from 'jose'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { tempDir } from '../helpers/temp.ts'
import { identityProvider, keyPair, LI, SECRET, signed, tokensOf } from './keys.ts'

const HOUR_MS = 3_600_000
const soon = () => Math.floor(Date.now() / 1_000) + 3_600
const refused = { name: 'XinyiError', code: 'UNAUTHENTICATED', hint: expect.any(String) }

afterEach(() => {
  vi.useRealTimers()
})

describe('a token that is signed with the secret', () => {
  test('tells who asks, and until when', async () => {
    const tokens = await tokensOf({ AUTH_JWT_SECRET: SECRET })
    const exp = soon()
    const caller = await tokens.callerOf(await signed({ ...LI, exp }))
    expect(caller).toEqual({ sub: 'li', name: '李老师', roles: ['COUNSELOR'], expiresAt: exp * 1_000, key: expect.any(String) })
    expect(await tokens.callerOf(await signed({ sub: 'back end', role: 'SERVICE' }))).toMatchObject({
      name: 'back end',
      roles: ['SERVICE'],
    })
  })

  test('has a key of its own, the same each time, that does not tell it', async () => {
    const tokens = await tokensOf({ AUTH_JWT_SECRET: SECRET })
    const [one, other] = [await signed({ ...LI, exp: soon() }), await signed({ ...LI, exp: soon() + 1 })]
    const { key = '' } = await tokens.callerOf(one)
    expect((await tokens.callerOf(one)).key).toBe(key)
    expect((await tokens.callerOf(other)).key).not.toBe(key)
    expect(one).not.toContain(key)
  })

  test('ends when it says, known or not', async () => {
    const now = { time: Date.now() }
    const tokens = await tokensOf({ AUTH_JWT_SECRET: SECRET }, now)
    const token = await signed({ ...LI, exp: soon() })
    await tokens.callerOf(token)
    now.time += HOUR_MS + 1_000
    await expect(tokens.callerOf(token)).rejects.toMatchObject({ ...refused, message: 'The token has expired.' })
    await expect(tokens.callerOf(token)).rejects.toMatchObject({ ...refused, message: 'The token has expired.' })
  })

  test('is refused when anything of it is wrong', async () => {
    const tokens = await tokensOf({ AUTH_JWT_SECRET: SECRET })
    const good = await signed({ ...LI, exp: soon() })
    const [header = '', payload = '', signature = ''] = good.split('.')
    const raised = Buffer.from(JSON.stringify({ ...LI, role: 'ADMIN', exp: soon() })).toString('base64url')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    const bad = {
      'another secret': await signed(LI, { key: new TextEncoder().encode('another secret that is long enough too') }),
      'another role than was signed': `${header}.${raised}.${signature}`,
      'another signature': `${header}.${payload}.${signature.slice(0, -2)}AA`,
      'no signature': `${header}.${payload}.`,
      'an unsigned one': new UnsecuredJWT({ ...LI }).encode(),
      'the algorithm none': `${none}.${payload}.${signature}`,
      'another algorithm of secrets': await signed(LI, { alg: 'HS512', key: new TextEncoder().encode(SECRET.repeat(2)) }),
      'not valid yet': await signed({ ...LI, nbf: soon() }),
      'no token': 'nonsense',
      'as good as endless': `${good}${'A'.repeat(10_000)}`,
      nothing: '',
    }
    for (const [what, token] of Object.entries(bad)) await expect(tokens.callerOf(token), what).rejects.toMatchObject(refused)
    await tokens.callerOf(good)
  })

  test.each([
    ['role', { sub: 'li', role: 'ROOT' }],
    ['role', { sub: 'li' }],
    ['sub', { role: 'ADMIN' }],
    ['sub', { sub: ' ', role: 'ADMIN' }],
    ['name', { sub: 'li', name: 7, role: 'ADMIN' }],
  ])('is told which claim is wrong: %s', async (claim, claims) => {
    const tokens = await tokensOf({ AUTH_JWT_SECRET: SECRET })
    await expect(tokens.callerOf(await signed(claims))).rejects.toMatchObject({
      ...refused,
      message: `The token's claim ${claim} is missing or wrong.`,
    })
  })

  test('is for whom it is meant, where that is configured', async () => {
    const tokens = await tokensOf({ AUTH_JWT_SECRET: SECRET, AUTH_ISSUER: 'https://id.example', AUTH_AUDIENCE: 'xinyi' })
    const meant = { ...LI, iss: 'https://id.example', aud: ['xinyi', 'other'] }
    await tokens.callerOf(await signed(meant))
    for (const other of [{ ...meant, iss: 'https://else.example' }, { ...meant, aud: 'other' }, LI])
      await expect(tokens.callerOf(await signed(other))).rejects.toMatchObject(refused)
  })
})

describe('a token of an identity provider', () => {
  test.each(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])('may be signed with %s', async (alg) => {
    const key = await keyPair(alg, 'one')
    const { url } = await identityProvider([key.jwk])
    const tokens = await tokensOf({ AUTH_JWKS_URL: url })
    expect(await tokens.callerOf(await key.sign(LI))).toMatchObject({ sub: 'li', roles: ['COUNSELOR'] })
  })

  test('is not one whose secret is the public key', async () => {
    const key = await keyPair('RS256', 'one')
    const { url } = await identityProvider([key.jwk])
    const tokens = await tokensOf({ AUTH_JWKS_URL: url })
    const secrets = [JSON.stringify(key.jwk), key.jwk.n ?? '']
    for (const secret of secrets)
      await expect(tokens.callerOf(await signed(LI, { key: new TextEncoder().encode(secret), kid: 'one' }))).rejects.toMatchObject(refused)
    await expect(tokens.callerOf(await signed(LI))).rejects.toMatchObject(refused)
  })

  test('goes together with tokens of a secret, each by its own key', async () => {
    const key = await keyPair('ES256', 'one')
    const { url } = await identityProvider([key.jwk])
    const tokens = await tokensOf({ AUTH_JWKS_URL: url, AUTH_JWT_SECRET: SECRET })
    for (const token of [await key.sign(LI), await signed(LI)]) expect(await tokens.callerOf(token)).toMatchObject({ sub: 'li' })
  })

  test('may be signed with a key that was published since, and no more with one that was withdrawn', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const [old, next] = [await keyPair('ES256', 'old'), await keyPair('ES256', 'next')]
    const provider = await identityProvider([old.jwk])
    const tokens = await tokensOf({ AUTH_JWKS_URL: provider.url })
    let withdrawn = 0
    tokens.onWithdrawn(() => {
      withdrawn += 1
    })
    await tokens.callerOf(await old.sign(LI))
    // A token does not have the keys fetched again at once: anybody could make up keys.
    for (const name of ['a', 'b', 'c']) await expect(tokens.callerOf(await next.sign({ ...LI, name }))).rejects.toMatchObject(refused)
    expect(provider.requests).toBe(1)

    provider.keys = [old.jwk, next.jwk]
    vi.setSystemTime(Date.now() + 31_000)
    await tokens.callerOf(await next.sign(LI))
    await tokens.callerOf(await old.sign(LI))
    expect([provider.requests, withdrawn]).toEqual([2, 0])

    provider.keys = [next.jwk]
    vi.setSystemTime(Date.now() + 31_000)
    await expect(tokens.callerOf(await (await keyPair('ES256', 'unknown')).sign(LI))).rejects.toMatchObject(refused)
    expect(withdrawn).toBe(1)
    await expect(tokens.callerOf(await old.sign(LI))).rejects.toMatchObject(refused)
    await tokens.callerOf(await next.sign(LI))
  })

  test('need not say by which of several keys it was signed', async () => {
    const [one, other, third] = [await keyPair('ES256'), await keyPair('ES256'), await keyPair('ES256')]
    const { url } = await identityProvider([one.jwk, other.jwk])
    const tokens = await tokensOf({ AUTH_JWKS_URL: url })
    for (const key of [one, other]) expect(await tokens.callerOf(await key.sign(LI))).toMatchObject({ sub: 'li' })
    await expect(tokens.callerOf(await third.sign(LI))).rejects.toMatchObject(refused)
  })

  test('can not be told while the keys were never fetched, which is no fault of it; later the known ones hold', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const key = await keyPair('ES256', 'one')
    const provider = await identityProvider([key.jwk])
    provider.isDown = true
    const tokens = await tokensOf({ AUTH_JWKS_URL: provider.url })
    for (let i = 0; i < 3; i += 1)
      await expect(tokens.callerOf(await key.sign(LI))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', hint: 'Try again.' })
    expect(provider.requests).toBe(1)
    provider.isDown = false
    vi.setSystemTime(Date.now() + 2_001)
    await tokens.callerOf(await key.sign(LI))
    provider.isDown = true
    vi.setSystemTime(Date.now() + 24 * HOUR_MS)
    expect(await tokens.callerOf(await key.sign({ ...LI, name: 'new' }))).toMatchObject({ name: 'new' })
  })

  test('may have its keys in a file', async () => {
    const dir = tempDir()
    onTestFinished(dir.remove)
    const file = join(dir.path, 'keys.json')
    const key = await keyPair('EdDSA', 'one')
    writeFileSync(file, JSON.stringify({ keys: [key.jwk] }))
    const tokens = await tokensOf({ AUTH_JWKS_FILE: file })
    expect(await tokens.callerOf(await key.sign(LI))).toMatchObject({ sub: 'li' })
  })
})
