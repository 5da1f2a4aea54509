/*
 * graphql-js quotes what it refuses: a literal, a variable's value, the token at which it stopped. Any of these can be
 * somebody's words, so of its messages only the parts that are known to come from the schema are let through.
 */

const COERCION: readonly RegExp[] = [
  /^(?:Enum "\w+"|\w+) cannot represent (?:an? )?[a-z0-9 -]+(?=: |\.)/,
  /^Expected (?:non-nullable )?(?:value of )?type "[\w![\]]+"/,
  /^Field "[\w.]+" of required type "[\w![\]]+" was not provided/,
  /^Argument "\w+"(?= of (?:required|non-null) type| has invalid value)/,
  /^Variable "\$\w+" of (?:required|non-null) type "[\w![\]]+"/,
  /^DateTime must be .+(?=\.$)/,
]

/** What is wrong with a value, without the value. */
export function coercionMessage(message: string): string {
  const known = COERCION.map((pattern) => pattern.exec(message)?.[0]).find((part) => part !== undefined)
  if (known?.startsWith('Expected non-nullable')) return `${known} not to be null.`
  if (known?.startsWith('Argument') || known?.startsWith('Variable')) return `${known} has no value, or one of another type.`
  if (known) return `${known}.`
  const type = /(?:does not exist in|is not defined by type) "(\w+)"/.exec(message)?.[1]
  if (type && message.startsWith('Value')) return `The value is none of the enum ${type}.`
  if (type && message.startsWith('Field')) return `A field is not defined by the input type ${type}.`
  return 'The value is not of the expected type.'
}

const SYNTAX = /^Syntax Error: (?:Expected (?:"[^\w"]{1,3}"|\w+), found|Unexpected|Unterminated) (?:"[^\w"]{1,3}"|<EOF>|\w+)/

/** Why a document can't be parsed, without its words. */
export const syntaxMessage = (message: string): string => SYNTAX.exec(message)?.[0] ?? 'Syntax Error'

/** Why a request is none of GraphQL's: yoga's message, two of which quote the request. */
export function requestMessage(message: string): string {
  if (message.startsWith('Unexpected parameter'))
    return 'The request has a parameter other than query, variables, operationName and extensions.'
  if (message.startsWith('Unknown operation')) return 'The document has no operation of that operationName.'
  return message
}
