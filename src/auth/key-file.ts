import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { StartError } from '../errors.ts'

const KeySet = z.object({ keys: z.array(z.looseObject({ kty: z.enum(['RSA', 'EC', 'OKP']) })).min(1) })

/** Throws where the file of AUTH_JWKS_FILE holds no public keys. */
export function checkKeyFile(file: string): void {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    throw new StartError(`${file} can't be read. Give the path of a file that is there, or leave AUTH_JWKS_FILE out.`)
  }
  if (!isKeySet(text))
    throw new StartError(`${file} is no JSON Web Key Set of public keys. It has to hold JSON such as {"keys": [{"kty": "RSA", …}]}.`)
}

function isKeySet(text: string): boolean {
  try {
    return KeySet.safeParse(JSON.parse(text)).success
  } catch {
    return false
  }
}
