import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { isTracing, traced } from '../tracing/span.ts'
import { codeOf as plainCodeOf } from './errors.ts'

/** How an operation went. Nothing of it is the caller's own words: all are names of the schema, and codes. */
export interface OperationReport {
  /** `query`, `mutation`, `subscription`; `none` for a document that is none. */
  kind: string
  /** The field of the root that it asks for; `several`; `introspection`; `none`. */
  field: string
  /** `OK`, or the code of its first error. */
  code: string
  /** Until it was answered; of a subscription, until it began. */
  seconds: number
}

export type OperationObserver = (report: OperationReport) => void

/** Reports each operation when it is answered. To come behind the plugin that gives errors their codes. */
export function measured(observe: OperationObserver): Plugin {
  const timer = (args: ExecutionArgs) => {
    const began = performance.now()
    return (result: unknown) => {
      const errors = isResult(result) ? result.errors : undefined
      observe({ ...namesOf(args.document, args.operationName), code: codeOf(errors?.[0]), seconds: (performance.now() - began) / 1_000 })
    }
  }
  const refused = (error: unknown) => observe({ ...NONE, code: codeOf(error), seconds: 0 })
  return {
    onParse:
      () =>
      ({ result }) => {
        if (result instanceof Error) refused(result)
      },
    onValidate:
      () =>
      ({ valid, result }) => {
        if (!valid) refused(result[0])
      },
    onExecute: ({ args, executeFn, setExecuteFn }) => {
      if (isTracing()) setExecuteFn(inSpan(executeFn))
      const report = timer(args)
      return { onExecuteDone: ({ result }) => report(result) }
    },
    onSubscribe: ({ args }) => {
      const report = timer(args)
      return { onSubscribeResult: ({ result }) => report(result) }
    },
  }
}

/** Names of the schema, and the code of the first error. */
const inSpan =
  (execute: (args: ExecutionArgs) => unknown) =>
  (args: ExecutionArgs): Promise<unknown> => {
    const { kind, field } = namesOf(args.document, args.operationName)
    const attributes = { 'graphql.operation.type': kind, 'xinyi.field': field }
    return traced({ name: `${kind} ${field}`, attributes, isRoot: true }, async (tell) => {
      const result = await execute(args)
      const [error] = (isResult(result) && result.errors) || []
      if (error) tell({ 'error.type': plainCodeOf(error) })
      return result
    })
  }

const NONE = { kind: 'none', field: 'none' }

const isResult = (result: unknown): result is ExecutionResult => typeof result === 'object' && result !== null && !isAsyncIterable(result)

function codeOf(error: unknown): string {
  if (error === undefined) return 'OK'
  const extensions = typeof error === 'object' && error !== null && 'extensions' in error ? error.extensions : undefined
  const code = typeof extensions === 'object' && extensions !== null && 'code' in extensions ? extensions.code : undefined
  return typeof code === 'string' ? code : 'INTERNAL_SERVER_ERROR'
}

type Names = Pick<OperationReport, 'kind' | 'field'>

const known = new WeakMap<OperationDefinitionNode, Names>()

/** Of a valid document. */
function namesOf(document: DocumentNode, operationName: string | null | undefined): Names {
  const operation = getOperationAST(document, operationName)
  if (!operation) return NONE
  let names = known.get(operation)
  if (!names) {
    const fields = rootFields(document, operation.selectionSet)
    const ours = [...fields].filter((name) => !name.startsWith('__'))
    names = { kind: operation.operation, field: ours.length > 1 ? 'several' : (ours[0] ?? 'introspection') }
    known.set(operation, names)
  }
  return names
}

function rootFields(document: DocumentNode, { selections }: SelectionSetNode, found = new Set<string>()): Set<string> {
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) found.add(selection.name.value)
    else if (selection.kind === Kind.INLINE_FRAGMENT) rootFields(document, selection.selectionSet, found)
    else
      for (const definition of document.definitions)
        if (definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value)
          rootFields(document, definition.selectionSet, found)
  }
  return found
}
