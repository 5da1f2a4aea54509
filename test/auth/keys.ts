import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import pino from 'pino'
import { onTestFinished } from 'vitest'
import { openKeys } from '../../src/auth/keys.ts'
import { Tokens } from '../../src/auth/tokens.ts'
import { loadConfig } from '../../src/config.ts'

export const SECRET = 'a secret of the tests, as long as it has to be'
const encoded = new TextEncoder().encode(SECRET)
export const LI = { sub: 'li', name: '李老师', role: 'COUNSELOR' }
export const silent = pino({ level: 'silent' })

/** A token of these claims, by the secret of the tests unless it is another's. */
export const signed = (
  claims: object,
  { key = encoded, alg = 'HS256', kid }: { key?: Parameters<SignJWT['sign']>[0]; alg?: string; kid?: string | undefined } = {},
): Promise<string> => new SignJWT({ ...claims }).setProtectedHeader({ alg, ...(kid !== undefined && { kid }) }).sign(key)

/** What checks tokens, configured so; its time is `now`. */
export async function tokensOf(env: Record<string, string>, now: { time: number } = { time: Date.now() }): Promise<Tokens> {
  const config = loadConfig(env)
  const keys = await openKeys(config, silent)
  onTestFinished(() => keys.close())
  return new Tokens(keys, config.auth, () => now.time)
}

export interface KeyPair {
  jwk: JWK
  sign(claims: object): Promise<string>
}

/** A key of an identity provider. `kid` is what tokens call it; none: they do not. */
export async function keyPair(alg: string, kid?: string): Promise<KeyPair> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), alg, use: 'sig', ...(kid !== undefined && { kid }) }
  return { jwk, sign: (claims) => signed(claims, { key: privateKey, alg, kid }) }
}

/** Publishes what is in `keys`; `requests` counts how often it was asked. */
export async function identityProvider(keys: JWK[]) {
  const provider = { keys, requests: 0, isDown: false, url: '' }
  const server = createServer((_, res) => {
    provider.requests += 1
    if (provider.isDown) res.writeHead(500).end()
    else res.end(JSON.stringify({ keys: provider.keys }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close().closeAllConnections())
  provider.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
  return provider
}
