import { beforeEach, describe, expect, test, vi } from 'vitest'
import { Authenticator } from '../../src/auth/authenticator.ts'
import { OneTimeCode } from '../../src/auth/code.ts'
import { LI, SECRET, signed, tokensOf } from './keys.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const now = { time: 0 }
const clock = () => now.time
const refused = { code: 'UNAUTHENTICATED' }

beforeEach(() => {
  now.time = Date.now()
})

const authenticator = async () => new Authenticator({ required: true, tokens: await tokensOf({ AUTH_JWT_SECRET: SECRET }, now), clock })
const by = (session: string) => ({ from: 'NETWORK', authorization: null, session, actor: null }) as const

describe('a code', () => {
  test('signs in once', async () => {
    const auth = await authenticator()
    const code = auth.newCode()
    const { secret, caller } = await auth.signIn({ code })
    expect(caller.roles).toEqual(['SUPERVISOR'])
    expect(await auth.authenticate(by(secret))).toBe(caller)
    await expect(auth.signIn({ code })).rejects.toMatchObject(refused)
  })

  test('is good for 10 minutes', () => {
    const codes = new OneTimeCode(clock)
    const [first, second] = [codes.issue(), codes.issue()]
    expect(codes.redeem(first)).toBe(false)
    now.time += 10 * MINUTE_MS - 1
    expect(codes.redeem(second)).toBe(true)
    const third = codes.issue()
    now.time += 10 * MINUTE_MS
    expect(codes.redeem(third)).toBe(false)
  })

  test('is worth nothing after 10 guesses', () => {
    const codes = new OneTimeCode(clock)
    const code = codes.issue()
    for (let i = 0; i < 9; i += 1) expect(codes.redeem(`guess ${i}`)).toBe(false)
    expect(codes.redeem(code)).toBe(true)
    const next = codes.issue()
    for (let i = 0; i < 10; i += 1) codes.redeem(`guess ${i}`)
    expect(codes.redeem(next)).toBe(false)
  })

  test('is none before one was issued', async () => {
    await expect((await authenticator()).signIn({ code: '' })).rejects.toMatchObject(refused)
  })
})

describe('a session', () => {
  test('ends after 12 hours, or with the token that it was begun with', async () => {
    const auth = await authenticator()
    const { secret } = await auth.signIn({ code: auth.newCode() })
    const exp = Math.floor(now.time / 1_000) + 3_600
    const short = await auth.signIn({ token: await signed({ ...LI, exp }) })
    expect(short).toMatchObject({ expiresAt: exp * 1_000, caller: { name: '李老师', roles: ['COUNSELOR'] } })
    now.time += HOUR_MS
    await expect(auth.authenticate(by(short.secret))).rejects.toMatchObject(refused)
    now.time += 11 * HOUR_MS - 1
    await auth.authenticate(by(secret))
    now.time += 1
    await expect(auth.authenticate(by(secret))).rejects.toMatchObject(refused)
  })

  test('ends when its user signs out, with whatever goes on in it', async () => {
    const auth = await authenticator()
    const [mine, other] = [await auth.signIn({ code: auth.newCode() }), await auth.signIn({ code: auth.newCode() })]
    const [ended, givenUp, others] = [vi.fn(), vi.fn(), vi.fn()]
    auth.onEnd(mine.caller, ended)
    auth.onEnd(mine.caller, givenUp)()
    auth.onEnd(other.caller, others)
    auth.signOut(mine.caller)
    expect([ended, givenUp, others].map(({ mock }) => mock.calls.length)).toEqual([1, 0, 0])
    await expect(auth.authenticate(by(mine.secret))).rejects.toMatchObject(refused)
    await auth.authenticate(by(other.secret))
  })

  test('is nobody by a secret that was made up', async () => {
    const auth = await authenticator()
    const { caller } = await auth.signIn({ code: auth.newCode() })
    for (const guess of ['', 'x', caller.key ?? '']) await expect(auth.authenticate(by(guess))).rejects.toMatchObject(refused)
  })

  test('is one of 100 of its token: one more ends the oldest of these alone', async () => {
    const auth = await authenticator()
    const others = await auth.signIn({ token: await signed({ ...LI, sub: 'wang' }) })
    const token = await signed(LI)
    const mine = []
    for (let i = 0; i < 101; i += 1) mine.push((await auth.signIn({ token })).secret)
    const [oldest = '', next = ''] = mine
    await expect(auth.authenticate(by(oldest))).rejects.toMatchObject(refused)
    for (const secret of [next, mine.at(-1) ?? '', others.secret]) await auth.authenticate(by(secret))
  })

  test('counts for less than a token, which has to be valid', async () => {
    const auth = await authenticator()
    const { secret } = await auth.signIn({ code: auth.newCode() })
    await expect(auth.authenticate({ ...by(secret), authorization: 'Bearer nonsense' })).rejects.toMatchObject(refused)
    const authorization = `bearer ${await signed(LI)}`
    expect(await auth.authenticate({ ...by(secret), authorization })).toMatchObject({ sub: 'li' })
  })
})

test('whoever shows who they are by a token or a code is made known; the system user at the socket is not', async () => {
  const known: string[] = []
  const tokens = await tokensOf({ AUTH_JWT_SECRET: SECRET }, now)
  const auth = new Authenticator({ required: true, tokens, clock, known: ({ sub, roles }) => void known.push(`${roles[0]} ${sub}`) })
  await auth.authenticate({ from: 'SOCKET', authorization: null, session: null, actor: null })
  expect(known).toEqual([])
  const { secret, caller } = await auth.signIn({ code: auth.newCode() })
  await auth.authenticate(by(secret))
  expect(known).toEqual([`SUPERVISOR ${caller.sub}`])
  const token = await signed(LI)
  await auth.authenticate({ from: 'NETWORK', authorization: `Bearer ${token}`, session: null, actor: null })
  await auth.signIn({ token })
  expect(known.slice(1)).toEqual(['COUNSELOR li', 'COUNSELOR li'])
})
