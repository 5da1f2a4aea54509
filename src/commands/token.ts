import * as z from 'zod'
import { ownSecret } from '../auth/secret.ts'
import { signToken } from '../auth/tokens.ts'
import type { Config } from '../config.ts'
import { makeDataDir } from '../data-dir.ts'
import { StartError } from '../errors.ts'
import { DAY_MS, ROLES } from '../model.ts'

const DEFAULT_DAYS = 30
const name = z
  .string()
  .normalize('NFC')
  .trim()
  .min(1)
  .refine((text) => [...text].length <= 200 && text.isWellFormed())
const Options = z.object({
  role: z.string().toUpperCase().pipe(z.enum(ROLES)),
  name,
  sub: name.optional(),
  days: z
    .string()
    .regex(/^\d{1,4}$/)
    .transform(Number)
    .pipe(z.int().min(1).max(3_650))
    .default(DEFAULT_DAYS),
})
const EXPECTED: Record<string, string> = {
  role: `--role has to be one of ${ROLES.join(', ')}.`,
  name: '--name has to be 1 to 200 characters.',
  sub: '--sub has to be 1 to 200 characters.',
  days: '--days has to be a whole number from 1 to 3650.',
}

export interface TokenOptions {
  role: string
  name: string
  sub?: string
  days?: string
}

/** Prints a token that the server of this configuration takes. */
export async function token(config: Config, given: TokenOptions): Promise<void> {
  const { data: options, error } = Options.safeParse(given)
  if (!options) throw new StartError(error.issues.map(({ path: [option] }) => EXPECTED[String(option)]).join('\n'))
  const { role, name, sub = name, days } = options
  const expiresAt = Math.floor((Date.now() + days * DAY_MS) / 1_000)
  console.log(await signToken(await secretOf(config), { sub, name, role, expiresAt }, config.auth))
}

async function secretOf({ auth, dataDir }: Config): Promise<Uint8Array> {
  if (auth.secret) return auth.secret
  if (auth.jwks)
    throw new StartError(
      'The tokens of this configuration are signed by whoever has the private keys of its key set: get one from there, or set AUTH_JWT_SECRET too.',
    )
  await makeDataDir(dataDir)
  return ownSecret(dataDir)
}
