import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  getOperationAST,
  type ParseOptions,
  parse,
  type Source,
  validate,
} from 'graphql'
import { createLRUCache, createYoga, isAsyncIterable, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import type { Logger } from 'pino'
import type { StorageBackend } from '../model.ts'
import { tooManySubscriptions } from '../services/quotas.ts'
import { answerable, unaccountableIn } from './accounted.ts'
import { noteRefusal } from './audit.ts'
import { type GraphQLContext, type RequestInfo, requestContext, type Services } from './context.ts'
import { trusted } from './documents.ts'
import { type ErrorFormatter, errorFormatter } from './errors.ts'
import { GRAPHIQL } from './graphiql.ts'
import { checkComplexity, SHAPE } from './limits.ts'
import { measured, type OperationObserver } from './measured.ts'
import { parseError, validationError, variableErrors } from './request-errors.ts'
import { refusalsOf } from './rights.ts'
import { schema } from './schema.ts'
import { checkShape } from './shape.ts'
import { SharedSubscriptions } from './shared.ts'

export type GraphQLServer = YogaServerInstance<RequestInfo, GraphQLContext>

/** The GraphQL server, for HTTP as it is (`fetch`), and for WebSockets through `getEnveloped`. */
export function createGraphQL(services: Services, { logger, observe }: { logger: Logger; observe?: OperationObserver }): GraphQLServer {
  const format = errorFormatter(logger)
  return createYoga<RequestInfo, GraphQLContext>({
    schema,
    context: (info) => requestContext(services, info),
    graphqlEndpoint: '/graphql',
    plugins: [
      trusted(services.documents),
      presentation(services, format),
      ...(observe ? [measured(observe)] : []),
      rights(format),
      limits(services, format),
    ],
    extraParamNames: ['documentId'],
    maskedErrors: { maskError: format },
    // Whatever yoga would log of an error can hold what somebody wrote; the formatter logs what may be known.
    logging: false,
    graphiql: GRAPHIQL,
    // 9 MB, which no process has to load before somebody opens the page.
    renderGraphiQL: async (options) => (await import('@graphql-yoga/render-graphiql')).renderGraphiQL(options),
    landingPage: false,
    cors: false,
    batching: false,
    multipart: false,
    // src/http counts the bytes of a body itself, at far less cost.
    maxRequestBodySize: false,
    parserAndValidationCache: { documentCache: shortTexts(), errorCache: shortTexts() },
  })
}

/** How answers look: errors with codes, and which store served. */
function presentation({ store }: Services, format: ErrorFormatter): Plugin<GraphQLContext> {
  const present = (args: ExecutionArgs & { contextValue: GraphQLContext }, { errors, ...result }: ExecutionResult): ExecutionResult => {
    // Without data nothing was executed: where it was not refused, the variables may be why.
    const isUnexplained = result.data === undefined && errors?.some(({ extensions }) => !extensions.code)
    const variables = isUnexplained ? variableErrors(args) : []
    const all = variables.length > 0 ? variables : errors?.map(format)
    return withStorage({ ...(all && { errors: all }), ...result }, args.contextValue.served())
  }
  const withStorage = (result: ExecutionResult, served: StorageBackend): ExecutionResult => ({
    ...result,
    extensions: { ...result.extensions, storage: { served, pendingWrites: store.pendingWrites } },
  })
  // What was not executed, for it could not be parsed or is not valid, says where the data is too.
  const complete = ({ result, setResult }: { result: unknown; setResult(result: ExecutionResult): void }) => {
    if (isUnexecuted(result)) setResult(withStorage(result, store.backend))
  }
  const shared = new SharedSubscriptions(present)
  return {
    onParse: ({ setParseFn }) => {
      setParseFn(parseWithin)
      return ({ result, replaceParseResult }) => {
        if (result instanceof Error) replaceParseResult(parseError(result))
      }
    },
    onValidate: ({ setValidationFn }) => {
      // What a name was probably meant to be tells of others, and takes long to find.
      setValidationFn((schema, document, rules, options) => validate(schema, document, rules, { ...options, hideSuggestions: true }))
      return ({ valid, result, setResult }) => {
        if (!valid) setResult(result.map((error) => validationError(error)))
      }
    },
    onExecutionResult: complete,
    onResultProcess: complete,
    onExecute: () => ({
      onExecuteDone: async ({ args, result, setResult }) => {
        if (isAsyncIterable(result)) return
        const shown = present(args, result)
        const [first] = shown.errors ?? []
        // Without data nothing was begun.
        if (first && shown.data === undefined) noteRefusal(args, first)
        const operation = getOperationAST(args.document, args.operationName)
        setResult(await answerable({ operation, context: args.contextValue }, shown, format))
      },
    }),
    onSubscribe: ({ args, setSubscribeFn }) => {
      setSubscribeFn(() => shared.subscribe(args))
      return {
        onSubscribeResult: ({ args, result, setResult }) => {
          if (!isAsyncIterable(result)) setResult(present(args, result))
        },
      }
    },
  }
}

const isUnexecuted = (result: unknown): result is ExecutionResult =>
  typeof result === 'object' &&
  result !== null &&
  !isAsyncIterable(result) &&
  !Array.isArray(result) &&
  !('extensions' in result && typeof result.extensions === 'object' && result.extensions !== null && 'storage' in result.extensions)

/** Refuses what its caller may not have, before anything is read or done. */
function rights(format: ErrorFormatter): Plugin<GraphQLContext> {
  const check = (args: ExecutionArgs & { contextValue: GraphQLContext }, refuse: (result: ExecutionResult) => void) => {
    const refusals = refusalsOf(args, args.contextValue.caller)
    if (refusals.length > 0) refuse({ errors: refusals.map(format) })
  }
  return {
    onExecute: ({ args, setResultAndStopExecution }) => check(args, setResultAndStopExecution),
    onSubscribe: ({ args, setResultAndStopExecution }) => check(args, setResultAndStopExecution),
  }
}

/** Parses a document, within bounds of what validating it may take. */
function parseWithin(source: string | Source, options?: ParseOptions): DocumentNode {
  const document = parse(source, { ...options, maxTokens: SHAPE.tokens })
  checkShape(document)
  return document
}

/** Refuses what is too complex, what could not be accounted for, and one subscription too many, before anything is read or done. */
function limits({ config: { introspection }, quotas }: Services, format: ErrorFormatter): Plugin<GraphQLContext> {
  type Args = ExecutionArgs & { contextValue: GraphQLContext }
  const refusalOf = (args: Args): ExecutionResult | undefined => {
    try {
      checkComplexity(args, { caller: args.contextValue.caller, introspection })
      const unaccountable = unaccountableIn(args)
      if (unaccountable) throw unaccountable
    } catch (error) {
      return { errors: [format(error)] }
    }
  }
  return {
    onExecute: ({ args, setResultAndStopExecution }) => {
      const refusal = refusalOf(args)
      if (refusal) setResultAndStopExecution(refusal)
    },
    onSubscribe: ({ args, setResultAndStopExecution }) => {
      const refusal = refusalOf(args)
      if (refusal) return setResultAndStopExecution(refusal)
      const { caller } = args.contextValue
      const release = caller ? quotas.subscribe(caller) : () => {}
      if (!release) return setResultAndStopExecution({ errors: [format(tooManySubscriptions())] })
      return {
        onSubscribeError: release,
        onSubscribeResult: ({ result, setResult }) => {
          if (isAsyncIterable(result)) setResult(endingWith(result, release))
          else release()
        },
      }
    },
  }
}

/** The same, but for what is done when it ends, or nobody wants more of it. */
function endingWith<T>(items: AsyncIterable<T>, ended: () => void): AsyncIterableIterator<T> {
  const source = items[Symbol.asyncIterator]()
  const iterator: AsyncIterableIterator<T> = {
    async next() {
      try {
        const item = await source.next()
        if (item.done) ended()
        return item
      } catch (error) {
        ended()
        throw error
      }
    },
    async return(value?: unknown) {
      ended()
      await source.return?.()
      return { done: true, value }
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}

const CACHED = 250
const LONGEST_CACHED = 20_000

/** A cache of documents that keeps no long ones: those have their values, and so conversations, inside. */
function shortTexts<T extends object>() {
  const cache = createLRUCache<T>({ max: CACHED })
  return {
    get: (document: string) => cache.get(document),
    set: (document: string, value: T) => {
      if (document.length <= LONGEST_CACHED) cache.set(document, value)
    },
  }
}
