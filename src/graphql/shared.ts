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
import type { GraphQLContext } from './context.ts'

type Args = ExecutionArgs & { contextValue: GraphQLContext }

/** What the source of a subscription gives, where it goes to many. */
export interface News {
  cursor: string
  /** The same for all who are given the same at the same time; null where it is for one alone. */
  sharedAs: string | null
}

const REMEMBERED = 1_000

/**
 * Carries subscriptions out. What many subscribers ask for in the same words about the same event is worked out once, for the first of them:
 * nothing of it depends on who asks.
 */
export class SharedSubscriptions {
  readonly #present: (args: Args, result: ExecutionResult) => ExecutionResult
  readonly #results = new Recent<string, Promise<ExecutionResult>>(REMEMBERED)
  readonly #documents = new WeakMap<DocumentNode, { id: number; variables: readonly string[] }>()
  #count = 0

  /** `present` makes of a result what a client is to see. */
  constructor(present: (args: Args, result: ExecutionResult) => ExecutionResult) {
    this.#present = present
  }

  readonly subscribe = async (args: Args): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult> => {
    const source = await createSourceEventStream(args)
    if (!isAsyncIterable(source)) return source
    const question = this.#questionOf(args)
    const payloads = source[Symbol.asyncIterator]()
    // Unlike a generator's, its return does not wait for the next event.
    const results: AsyncIterableIterator<ExecutionResult> = {
      next: async () => {
        const { value, done } = await payloads.next()
        return done ? { value: undefined, done } : { value: await this.#resultOf(args, value, question), done: false }
      },
      return: async () => {
        await payloads.return?.()
        return { value: undefined, done: true }
      },
      [Symbol.asyncIterator]: () => results,
    }
    return results
  }

  async #resultOf(args: Args, payload: unknown, question: string): Promise<ExecutionResult> {
    const carryOut = async (): Promise<ExecutionResult> => this.#present(args, await execute({ ...args, rootValue: payload }))
    if (!isNews(payload)) return carryOut()
    args.contextValue.line?.given(payload.cursor)
    if (payload.sharedAs === null) return carryOut()
    const key = `${question} ${payload.sharedAs} ${payload.cursor}`
    const known = this.#results.get(key)
    const result = known ?? carryOut()
    if (!known) this.#results.set(key, result)
    return result
  }

  /** What is asked of each event: the document, and the values of the variables that are used below its one field. */
  #questionOf({ document, operationName, variableValues }: Args): string {
    let known = this.#documents.get(document)
    if (!known) {
      this.#count += 1
      known = { id: this.#count, variables: variablesBelow(document, operationName) }
      this.#documents.set(document, known)
    }
    return `${known.id} ${operationName ?? ''} ${JSON.stringify(known.variables.map((name) => variableValues?.[name]))}`
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
