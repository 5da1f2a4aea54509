import { coerceInputValue, type ExecutionArgs, GraphQLError, getOperationAST, isInputType, isNonNullType, typeFromAST } from 'graphql'
import { XinyiError } from '../errors.ts'
import { shownError } from './errors.ts'
import { SHAPE, tooComplex } from './limits.ts'
import { coercionMessage, syntaxMessage } from './messages.ts'

/** 400, unless the client wants plain application/json: then, by the letter of GraphQL over HTTP, 200. */
const REQUEST_ERROR = { spec: true, status: 400 }

/** Why a document can't be parsed, without its words. */
export function parseError(error: Error): GraphQLError {
  if (error instanceof XinyiError) return shownError(error, error)
  if (error.message.includes('Parsing aborted')) return shownError(error, tooComplex('tokens', SHAPE.tokens))
  const [location] = (error instanceof GraphQLError && error.locations) || []
  const where = location ? ` at line ${location.line}, column ${location.column}` : ''
  return shownError(error, { code: 'GRAPHQL_PARSE_FAILED', message: `${syntaxMessage(error.message)}${where}.`, http: REQUEST_ERROR })
}

/** Why a document is not valid, without its literals. The cache of documents hands in what this made of an error before. */
export function validationError(error: GraphQLError): GraphQLError {
  if (error.extensions.code) return error
  const quotesValue = error.nodes?.some(({ kind }) => kind.endsWith('Value'))
  const message = quotesValue ? coercionMessage(error.message) : error.message
  return shownError(error, { code: 'GRAPHQL_VALIDATION_FAILED', message, http: REQUEST_ERROR })
}

const MAX_ERRORS = 20

/** Which variables do not have values of their types; empty when all do. */
export function variableErrors({ schema, document, operationName, variableValues }: ExecutionArgs): GraphQLError[] {
  const errors: GraphQLError[] = []
  for (const node of getOperationAST(document, operationName)?.variableDefinitions ?? []) {
    const name = node.variable.name.value
    const refuse = (message: string, path: readonly (string | number)[] = []) => {
      const field = [name, ...path].reduce<string>(
        (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text ? `${text}.${key}` : key),
        '',
      )
      const at = new GraphQLError('', { nodes: node })
      errors.push(
        shownError(at, { code: 'BAD_USER_INPUT', message: `Variable "$${name}", at ${field}: ${message}`, field, http: { status: 400 } }),
      )
    }
    const type = typeFromAST(schema, node.type)
    const value = variableValues?.[name]
    if (!isInputType(type)) continue
    if (value !== undefined) coerceInputValue(value, type, (path, _value, error) => refuse(coercionMessage(error.message), path))
    else if (isNonNullType(type) && !node.defaultValue) refuse(`a value of type "${type}" is required.`)
    if (errors.length >= MAX_ERRORS) break
  }
  return errors.slice(0, MAX_ERRORS)
}
