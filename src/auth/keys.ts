import type { CryptoKey, JWSHeaderParameters } from 'jose'
import type { Config } from '../config.ts'
import { ownSecret } from './secret.ts'

export class KeysUnavailable extends Error {}

/** What tokens are checked with. */
export interface Keys {
  /** Of which a token has to be one: each goes with one kind of key. */
  readonly algorithms: readonly string[]
  /** The key for a token with this header. Throws where there is none, KeysUnavailable where that can't be told. */
  readonly find: (header: JWSHeaderParameters) => Promise<CryptoKey | Uint8Array> | Uint8Array
  /** Calls back whenever a key is not valid any more. */
  onWithdrawn(act: () => void): void
}

/** The keys that are configured; where none are, the server's own. */
export async function openKeys({ auth, dataDir }: Pick<Config, 'auth' | 'dataDir'>): Promise<Keys> {
  return secretKeys(auth.secret ?? (await ownSecret(dataDir)))
}

const secretKeys = (secret: Uint8Array): Keys => ({ algorithms: ['HS256'], find: () => secret, onWithdrawn: () => {} })
