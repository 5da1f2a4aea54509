import { randomUUID } from 'node:crypto'
import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  getOperationAST,
  Kind,
  visit,
} from 'graphql'
import { isAsyncIterable } from 'graphql-yoga'
import { Recent } from '../services/recent.ts'
import { streamOf } from '../services/stream.ts'
import { isWrittenDown } from './accounted.ts'
import type { Account } from './audit.ts'
import type { GraphQLContext } from './context.ts'

type Args = ExecutionArgs & { contextValue: GraphQLContext }

/** What the source of a subscription gives, where it goes to many. */
export interface News {
  /** The subscriber's own. */
  cursor: string
  /** The same for all who are given the same, but for the cursor, at the same time; null where it is for one alone. */
  sharedAs: string | null
}

const REMEMBERED = 1_000
/** Stands for the cursor where a result is worked out for many. Nobody knows it, so nobody can have written it. */
const HOLE = randomUUID()

interface Shared {
  /** In JSON: the cursor goes between them. */
  pieces: readonly string[]
  /** What each that is given it leaves in the audit log. */
  account: Account
}

/**
 * Carries subscriptions out. What many subscribers ask for in the same words about the same event is worked out and written once, for the first
 * of them: but for the cursor, nothing of it depends on who asks beyond their roles.
 */
export class SharedSubscriptions {
  readonly #present: (args: Args, result: ExecutionResult) => ExecutionResult
  readonly #results = new Recent<string, Promise<Shared>>(REMEMBERED)
  readonly #documents = new WeakMap<DocumentNode, { id: number; variables: readonly string[] }>()
  #count = 0

  /** `present` makes of a result what a client is to see. */
  constructor(present: (args: Args, result: ExecutionResult) => ExecutionResult) {
    this.#present = present
  }

  /** What there is a line for goes there: then nothing comes of the subscription but its end. */
  readonly subscribe = async (args: Args): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult> => {
    const source = await createSourceEventStream(args)
    if (!isAsyncIterable(source)) return source
    const question = this.#questionOf(args)
    const payloads = source[Symbol.asyncIterator]()
    const { line } = args.contextValue
    let hasLeft = false
    const next = async (): Promise<{ value: ExecutionResult } | null> => {
      for (;;) {
        const { value, done } = await payloads.next()
        if (done) return null
        if (!line) return { value: await this.#carryOut(args, value) }
        const json = await this.#jsonOf(args, value, question)
        if (!hasLeft) await line.next(json, isNews(value) ? value.cursor : null)
      }
    }
    return streamOf(next, () => {
      hasLeft = true
      return payloads.return?.()
    })
  }

  async #jsonOf(args: Args, payload: unknown, question: string): Promise<string> {
    if (!isNews(payload) || payload.sharedAs === null) return JSON.stringify(await this.#carryOut(args, payload))
    const key = `${question} ${payload.sharedAs}`
    const known = this.#results.get(key)
    const shared =
      known ??
      this.#execute(args, { ...payload, cursor: HOLE }).then(({ result, account }) => ({
        pieces: JSON.stringify(result).split(HOLE),
        account,
      }))
    if (!known) this.#results.set(key, shared)
    const { pieces, account } = await shared
    if (await isWrittenDown(args.contextValue, account)) return pieces.join(payload.cursor)
    return JSON.stringify(await this.#withhold(args, payload))
  }

  async #carryOut(args: Args, rootValue: unknown): Promise<ExecutionResult> {
    const { result, account } = await this.#execute(args, rootValue)
    return (await isWrittenDown(args.contextValue, account)) ? result : this.#withhold(args, rootValue)
  }

  async #execute(args: Args, rootValue: unknown): Promise<{ result: ExecutionResult; account: Account }> {
    const result = this.#present(args, await execute({ ...args, rootValue }))
    return { result, account: args.contextValue.trail.take() }
  }

  /** Nobody must miss that somebody is at risk, but they are not shown what that person said where it can't be written down that they are. */
  async #withhold(args: Args, rootValue: unknown): Promise<ExecutionResult> {
    const { trail } = args.contextValue
    trail.isWithheld = true
    try {
      return (await this.#execute(args, rootValue)).result
    } finally {
      trail.isWithheld = false
    }
  }

  /** What is asked of each event: the document, the values of the variables that are used below its one field, and the roles, which say what may be read. */
  #questionOf({ document, operationName, variableValues, contextValue: { caller } }: Args): string {
    let known = this.#documents.get(document)
    if (!known) {
      this.#count += 1
      known = { id: this.#count, variables: variablesBelow(document, operationName) }
      this.#documents.set(document, known)
    }
    const values = known.variables.map((name) => variableValues?.[name])
    return JSON.stringify([known.id, operationName ?? '', values, caller?.roles.toSorted() ?? null])
  }
}

function variablesBelow(document: DocumentNode, operationName: string | null | undefined): string[] {
  const names = new Set<string>()
  const collect = { Variable: ({ name }: { name: { value: string } }) => void names.add(name.value) }
  for (const definition of document.definitions) if (definition.kind === Kind.FRAGMENT_DEFINITION) visit(definition, collect)
  for (const selection of getOperationAST(document, operationName)?.selectionSet.selections ?? []) {
    for (const directive of selection.directives ?? []) visit(directive, collect)
    if (selection.kind !== Kind.FRAGMENT_SPREAD && selection.selectionSet) visit(selection.selectionSet, collect)
  }
  return [...names].sort()
}

const isNews = (payload: unknown): payload is News => typeof payload === 'object' && payload !== null && 'sharedAs' in payload
