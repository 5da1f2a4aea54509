import { XinyiError } from '../errors.ts'
import type { Caller, Role } from '../model.ts'

/** FORBIDDEN for whoever has none of these roles. */
export function permit({ roles }: Caller, allowed: readonly Role[]): void {
  if (roles.some((role) => allowed.includes(role))) return
  throw new XinyiError('FORBIDDEN', `This address is for ${allowed.join(', ')}; you are ${roles.join(', ')}.`, 'Ask somebody who may.')
}
