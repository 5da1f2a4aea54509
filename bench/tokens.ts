import { randomBytes, randomUUID } from 'node:crypto'
import { Authenticator } from '../src/auth/authenticator.ts'
import { signToken, Tokens } from '../src/auth/tokens.ts'

const KNOWN_CHECKS = 200_000
const UNKNOWN_CHECKS = 2_000
const RULES = { issuer: null, audience: null }

/** What it costs to tell who asks by a token (HS256), in µs of CPU time: by one that was seen before, and by one that was not. */
export async function checkingTokens(): Promise<{ known: number; unknown: number }> {
  const secret = randomBytes(32)
  const keys = { algorithms: ['HS256'], find: async () => secret, onWithdrawn: () => {}, close: () => {} }
  const authenticator = new Authenticator({ required: true, tokens: new Tokens(keys, RULES), clock: Date.now })
  const expiresAt = Math.floor(Date.now() / 1_000) + 3_600
  const newToken = () => signToken(secret, { sub: randomUUID(), name: '李老师', role: 'COUNSELOR', expiresAt }, RULES)
  const check = (token: string) =>
    authenticator.authenticate({ from: 'NETWORK', authorization: `Bearer ${token}`, session: null, actor: null })

  const tokens = await Promise.all(Array.from({ length: UNKNOWN_CHECKS }, newToken))
  const unknown = await costOf(UNKNOWN_CHECKS, (i) => check(tokens[i] ?? ''))
  // Once more for the compiler.
  let known = 0
  for (let round = 0; round < 2; round += 1) known = await costOf(KNOWN_CHECKS, (i) => check(tokens[i % UNKNOWN_CHECKS] ?? ''))
  return { known, unknown }
}

/** One after the other; µs of CPU time, all threads. */
async function costOf(count: number, act: (i: number) => Promise<unknown>): Promise<number> {
  const began = process.cpuUsage()
  for (let i = 0; i < count; i += 1) await act(i)
  const { user, system } = process.cpuUsage(began)
  return (user + system) / count
}
