import {
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import type { XinyiError } from '../errors.ts'
import type { Caller } from '../model.ts'
import { type AuditNote, textWithheld, unaccountable, unauditable } from '../services/audit.ts'
import type { Account, Args } from './audit.ts'
import type { GraphQLContext } from './context.ts'
import type { ErrorFormatter } from './errors.ts'

/** The text that a back end may read is a prompt's. It gets that even where it can't be written down at once: a person is waiting for an answer. */
const isUrgent = (caller: Caller | null): boolean => caller?.roles.every((role) => role === 'SERVICE') === true

/**
 * Writes down what a request has done and is to be given, before it is answered. Answers whether it may be: text is refused where that
 * can't be written down, but what was done can't be undone, and is written down later.
 */
export async function isWrittenDown({ caller, requestId, services, trail }: GraphQLContext, account = trail.take()): Promise<boolean> {
  const { deeds, read } = account
  if (deeds.length === 0 && read.size === 0) return true
  const common = { requestId, actor: caller && { sub: caller.sub, name: caller.name, role: caller.roles[0] } }
  if (read.size === 0 || isUrgent(caller)) {
    await services.audit.owe(notesOf(account, common))
    return true
  }
  try {
    await services.audit.write(notesOf(account, common))
    return true
  } catch {
    if (deeds.length > 0) await services.audit.owe(notesOf({ ...account, read: new Map() }, common))
    return false
  }
}

/** What may be answered in place of this: text is taken out that can't be written down, of a mutation so that it still says what it did. */
export async function answerable(
  { operation, context }: { operation: OperationDefinitionNode | null | undefined; context: GraphQLContext },
  { data, errors = [], ...result }: ExecutionResult,
  format: ErrorFormatter,
): Promise<ExecutionResult> {
  if (await isWrittenDown(context)) return { ...(errors.length > 0 && { errors }), ...(data !== undefined && { data }), ...result }
  if (operation?.operation !== 'mutation') return { data: null, errors: [format(unauditable())], ...result }
  context.trail.withhold(data)
  return { data: data ?? null, errors: [format(textWithheld()), ...errors], ...result }
}

/** Why a mutation is not begun: what it is to answer could not be written down, and whoever asks would believe that it failed. */
export function unaccountableIn({ schema, document, operationName, contextValue }: Args): XinyiError | null {
  const { services, caller } = contextValue
  if (!services.audit.isFailing || isUrgent(caller)) return null
  const operation = getOperationAST(document, operationName)
  return operation?.operation === 'mutation' && asksForText(schema, document) ? unaccountable() : null
}

function asksForText(schema: GraphQLSchema, document: DocumentNode): boolean {
  const types = new TypeInfo(schema)
  let found = false
  const field = (): void => {
    if (types.getFieldDef()?.extensions.isText) found = true
  }
  visit(document, visitWithTypeInfo(types, { Field: field }))
  return found
}

/** One for each deed and each person of whom text was given; one for both where somebody is given text of the very person for whom they did something. */
function notesOf({ since, action, deeds, read }: Account, common: Pick<AuditNote, 'requestId' | 'actor'>): AuditNote[] {
  const rest = new Map(read)
  const done = deeds.map(({ at, ...deed }): AuditNote => {
    const fields = deed.userId !== null && deed.outcome === 'OK' ? rest.get(deed.userId) : undefined
    if (fields && deed.userId !== null) rest.delete(deed.userId)
    // What was under way when somebody was erased names them no more.
    return { ...common, ...deed, at: deed.erases ? at : since, fields: [...(fields ?? [])].sort() }
  })
  const given = [...rest].map(
    ([userId, fields]): AuditNote => ({ ...common, at: since, action, userId, fields: [...fields].sort(), outcome: 'OK' }),
  )
  return [...done, ...given]
}
