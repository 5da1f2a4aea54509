import {
  defaultFieldResolver,
  type ExecutionArgs,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLSchema,
  getOperationAST,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql'
import type { Caller } from '../model.ts'
import { type AuditNote, unauditable } from '../services/audit.ts'
import { MAX_USER_ID } from '../services/text.ts'
import type { GraphQLContext } from './context.ts'
import { codeOf } from './errors.ts'

/** Options of a field that holds what a person, the assistant, or somebody about a person said; what it is a field of names them in `userId`. */
export const TEXT = { extensions: { isText: true } } as const
/** Options of a query that leaves an entry whatever it answers, as every mutation does. */
export const DEED = { extensions: { isDeed: true } } as const
/** Options of a mutation that erases a person. */
export const ERASES = { extensions: { erases: true } } as const

type Args = ExecutionArgs & { contextValue: GraphQLContext }

interface Deed {
  at: number
  action: string
  userId: string | null
  outcome: string
  erases?: true
}

/** What there is to write down of a request, whoever makes it. */
export interface Account {
  since: number
  action: string
  deeds: readonly Deed[]
  /** The fields of text that were given, by whose it is. */
  read: ReadonlyMap<string, ReadonlySet<string>>
}

/** What one request has done and been given so far, for the audit log. */
export class Trail {
  readonly #clock: () => number
  #since: number | null = null
  #asked = new Set<string>()
  #deeds: Deed[] = []
  #read = new Map<string, Set<string>>()
  /** Text is refused: that it was given can't be written down. */
  isWithheld = false

  constructor(clock: () => number) {
    this.#clock = clock
  }

  asked(action: string): void {
    this.#since ??= this.#clock()
    this.#asked.add(action)
  }

  read(userId: string, field: string): void {
    const fields = this.#read.get(userId)
    if (fields) fields.add(field)
    else this.#read.set(userId, new Set([field]))
  }

  did(deed: Omit<Deed, 'at'>): void {
    this.#deeds.push({ ...deed, at: this.#clock() })
  }

  /** What came together since this was last called. */
  take(): Account {
    const account = { since: this.#since ?? this.#clock(), action: [...this.#asked].sort().join(' '), deeds: this.#deeds, read: this.#read }
    this.#since = null
    this.#asked = new Set()
    this.#deeds = []
    this.#read = new Map()
    return account
  }
}

/** Has every field that holds text, and every mutation, leave a trace in the trail of its request. */
export function watched(schema: GraphQLSchema): GraphQLSchema {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue
    for (const field of Object.values(type.getFields())) {
      const name = `${type.name}.${field.name}`
      const resolve: Resolver = field.resolve ?? defaultFieldResolver
      if (field.extensions.isText) field.resolve = text(name, resolve)
      else if (type === schema.getMutationType() || field.extensions.isDeed)
        field.resolve = deed(name, resolve, field.extensions.erases === true)
      else if (roots.includes(type)) field.resolve = root(name, resolve)
    }
  }
  return schema
}

const isDeed = (schema: GraphQLSchema, type: GraphQLObjectType, field: GraphQLField<unknown, unknown>): boolean =>
  type === schema.getMutationType() || field.extensions.isDeed === true

/** Notes that somebody who is known was refused something before it began. Strangers could fill the disk with that. */
export function noteRefusal({ schema, document, operationName, contextValue }: Args, error: unknown): void {
  const { caller, trail } = contextValue
  const operation = getOperationAST(document, operationName)
  const root = operation && schema.getRootType(operation.operation)
  if (!caller || !root) return
  const note = ({ selections }: SelectionSetNode): void => {
    for (const selection of selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = document.definitions.find(
          (each) => each.kind === Kind.FRAGMENT_DEFINITION && each.name.value === selection.name.value,
        )
        if (fragment?.kind === Kind.FRAGMENT_DEFINITION) note(fragment.selectionSet)
      } else if (selection.kind === Kind.INLINE_FRAGMENT) note(selection.selectionSet)
      else {
        const field = root.getFields()[selection.name.value]
        if (field && isDeed(schema, root, field)) trail.did({ action: `${root.name}.${field.name}`, userId: null, outcome: codeOf(error) })
      }
    }
  }
  note(operation.selectionSet)
}

type Resolver = GraphQLFieldResolver<unknown, GraphQLContext>

function root(action: string, resolve: Resolver): Resolver {
  return (parent, args, context, info) => {
    context.trail.asked(action)
    return resolve(parent, args, context, info)
  }
}

function text(name: string, resolve: Resolver): Resolver {
  return (parent, args, context, info) => {
    const { trail } = context
    const note = (value: unknown): unknown => {
      if (value === null || value === undefined || value === '') return value
      if (trail.isWithheld) throw unauditable()
      const userId = textAt(parent, 'userId')
      if (userId === null) throw new Error(`It is not known whose text ${name} is.`)
      trail.read(userId, name)
      return value
    }
    const value = resolve(parent, args, context, info)
    return value instanceof Promise ? value.then(note) : note(value)
  }
}

function deed(action: string, resolve: Resolver, erases: boolean): Resolver {
  return async (parent, args, context, info) => {
    const { trail } = context
    trail.asked(action)
    const succeeded = (result: unknown, given: unknown) =>
      trail.did({ action, userId: userIdIn(result) ?? userIdIn(given), outcome: 'OK', ...(erases && { erases }) })
    const failed = (error: unknown, given: unknown) => trail.did({ action, userId: userIdIn(given), outcome: codeOf(error) })
    try {
      const result: unknown = await resolve(parent, args, context, info)
      if (!Array.isArray(result)) succeeded(result, args)
      else {
        const items = Array.isArray(args.input) ? args.input : []
        for (const [i, each] of (await Promise.allSettled(result)).entries())
          if (each.status === 'fulfilled') succeeded(each.value, items[i])
          else failed(each.reason, items[i])
      }
      return result
    } catch (error) {
      failed(error, args)
      throw error
    }
  }
}

/** Whom arguments, or a payload, are about. Nothing that could not be the id of a user is taken for one. */
function userIdIn(value: unknown): string | null {
  const place = [value, at(value, 'input'), at(value, 'alert')].find((each) => textAt(each, 'userId') !== null)
  const userId = textAt(place, 'userId')
  return userId !== null && userId !== '' && userId.isWellFormed() && [...userId].length <= MAX_USER_ID ? userId : null
}

const at = (value: unknown, key: string): unknown => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined)

function textAt(value: unknown, key: string): string | null {
  const found = at(value, key)
  return typeof found === 'string' ? found : null
}

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
