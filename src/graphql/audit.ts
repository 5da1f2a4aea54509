import {
  defaultFieldResolver,
  type ExecutionArgs,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getOperationAST,
  isNonNullType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql'
import { unauditable } from '../services/audit.ts'
import { MAX_USER_ID } from '../services/text.ts'
import type { GraphQLContext } from './context.ts'
import { codeOf } from './errors.ts'

/** Options of a field that holds what a person, the assistant, or somebody about a person said; what it is a field of names them in `userId`. */
export const TEXT = { extensions: { isText: true } } as const
/** Options of a query that leaves an entry whatever it answers, as every mutation does. */
export const DEED = { extensions: { isDeed: true } } as const
/** Options of a mutation that erases a person. */
export const ERASES = { extensions: { erases: true } } as const

export type Args = ExecutionArgs & { contextValue: GraphQLContext }

interface Deed {
  at: number
  action: string
  userId: string | null
  outcome: string
  erases?: true
}

/** A place in an answer that holds text. */
interface Given {
  path: GraphQLResolveInfo['path']
  isNullable: boolean
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
  /** Where in the answer of a mutation there is text. */
  readonly #given: Given[] = []
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

  gave(given: Given): void {
    this.#given.push(given)
  }

  /** Takes the text out of what a mutation is answered; its shape stays. */
  withhold(data: unknown): void {
    for (const { path, isNullable } of this.#given) {
      const owner = keysOf(path.prev).reduce(at, data)
      if (typeof owner === 'object' && owner !== null) Reflect.set(owner, path.key, isNullable ? null : '')
    }
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
      if (field.extensions.isText) field.resolve = text(name, resolve, !isNonNullType(field.type))
      else if (type === schema.getMutationType() || field.extensions.isDeed)
        field.resolve = deed(name, resolve, field.extensions.erases === true)
      else if (roots.includes(type)) field.resolve = root(name, resolve)
    }
  }
  return schema
}

const isDeed = (schema: GraphQLSchema, type: GraphQLObjectType, field: GraphQLField<unknown, unknown>): boolean =>
  type === schema.getMutationType() || field.extensions.isDeed === true

/** Notes that somebody who is known was refused something before it began: once for each kind of deed. Strangers could fill the disk with that. */
export function noteRefusal({ schema, document, operationName, contextValue }: Args, error: unknown): void {
  const { caller, trail } = contextValue
  const operation = getOperationAST(document, operationName)
  const root = operation && schema.getRootType(operation.operation)
  if (!caller || !root) return
  const noted = new Set<string>()
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
        if (!field || noted.has(field.name) || !isDeed(schema, root, field)) continue
        noted.add(field.name)
        trail.did({ action: `${root.name}.${field.name}`, userId: null, outcome: codeOf(error) })
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

function text(name: string, resolve: Resolver, isNullable: boolean): Resolver {
  return (parent, args, context, info) => {
    const { trail } = context
    const note = (value: unknown): unknown => {
      if (value === null || value === undefined || value === '') return value
      if (trail.isWithheld) throw unauditable()
      const userId = textAt(parent, 'userId')
      if (userId === null) throw new Error(`It is not known whose text ${name} is.`)
      trail.read(userId, name)
      if (info.operation.operation === 'mutation') trail.gave({ path: info.path, isNullable })
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
    const done = new Set<string>()
    // Several of a list may be about one person.
    const did = (userId: string | null, outcome: string) => {
      const kind = JSON.stringify([outcome, userId])
      if (!done.has(kind)) trail.did({ action, userId, outcome, ...(erases && outcome === 'OK' && { erases }) })
      done.add(kind)
    }
    const succeeded = (result: unknown, given: unknown) => did(userIdIn(result) ?? userIdIn(given), 'OK')
    const failed = (error: unknown, given: unknown) => did(userIdIn(given), codeOf(error))
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

const keysOf = (path: Given['path'] | undefined): (string | number)[] => (path ? [...keysOf(path.prev), path.key] : [])

const at = (value: unknown, key: string | number): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined

function textAt(value: unknown, key: string): string | null {
  const found = at(value, key)
  return typeof found === 'string' ? found : null
}
