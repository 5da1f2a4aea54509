import { ownSecret } from '../../src/auth/secret.ts'
import { signToken } from '../../src/auth/tokens.ts'
import type { Config } from '../../src/config.ts'
import type { Role } from '../../src/model.ts'

/** A token that the server of this configuration takes, as `npx xinyi token` prints it. */
export async function tokenFor(
  { auth, dataDir }: Config,
  { role, name, sub = name }: { role: Role; name: string; sub?: string },
): Promise<string> {
  return signToken(auth.secret ?? (await ownSecret(dataDir)), { sub, name, role, days: 1 }, auth)
}

export const bearer = async (config: Config, who: { role: Role; name: string; sub?: string }): Promise<{ authorization: string }> => ({
  authorization: `Bearer ${await tokenFor(config, who)}`,
})
