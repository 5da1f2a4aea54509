import type { CryptoKey, FlattenedJWSInput, JWSHeaderParameters } from 'jose'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { PublishedKeys } from './published-keys.ts'
import { ownSecret } from './secret.ts'

/** What tokens are checked with. */
export interface Keys {
  /** Of which a token has to be one: each goes with one kind of key. */
  readonly algorithms: readonly string[]
  /** The key for a token with this header. Throws where there is none, KeysUnavailable where that can't be told. */
  find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey | Uint8Array>
  /** Calls back whenever a key is not valid any more. */
  onWithdrawn(act: () => void): void
  close(): void
}

/** Each of these goes with a public key, of one kind; a secret is for HS256 alone. */
const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const SYMMETRIC = 'HS256'

/** The keys that are configured; where none are, the server's own. */
export async function openKeys({ auth, dataDir }: Pick<Config, 'auth' | 'dataDir'>, logger: Logger): Promise<Keys> {
  const secret = auth.secret ?? (auth.jwks ? null : await ownSecret(dataDir))
  const published = auth.jwks && new PublishedKeys(auth.jwks, logger)
  return {
    algorithms: [...(secret ? [SYMMETRIC] : []), ...(published ? ASYMMETRIC : [])],
    async find(header, token) {
      if (header.alg === SYMMETRIC && secret) return secret
      if (header.alg !== SYMMETRIC && published) return published.find(header, token)
      throw new Error('no key is of this kind')
    },
    onWithdrawn: (act) => published?.onWithdrawn(act),
    close: () => published?.close(),
  }
}
