import { ownSecret } from '../../src/auth/secret.ts'
import { signToken } from '../../src/auth/tokens.ts'
import type { Config } from '../../src/config.ts'
import { DAY_MS, type Role } from '../../src/model.ts'

interface Bearer {
  role: Role
  name: string
  sub?: string
  /** In seconds since 1970. */
  expiresAt?: number
}

/** A token that the server of this configuration takes, as `npx xinyi token` prints it. */
export async function tokenFor({ auth, dataDir }: Config, { role, name, sub = name, expiresAt }: Bearer): Promise<string> {
  const secret = auth.secret ?? (await ownSecret(dataDir))
  return signToken(secret, { sub, name, role, expiresAt: expiresAt ?? Math.floor((Date.now() + DAY_MS) / 1_000) }, auth)
}

export const bearer = async (config: Config, who: Bearer): Promise<{ authorization: string }> => ({
  authorization: `Bearer ${await tokenFor(config, who)}`,
})
