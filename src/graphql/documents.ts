import { fileURLToPath } from 'node:url'
import type { Plugin } from 'graphql-yoga'
import type { Config } from '../config.ts'
import { readDocuments } from '../documents-file.ts'
import { badInput, XinyiError } from '../errors.ts'
import type { Caller } from '../model.ts'
import type { RequestInfo } from './context.ts'
import { shownError } from './errors.ts'

/** Of schema/operations, as codegen writes it. */
const OURS = fileURLToPath(new URL('../gql/persisted-documents.json', import.meta.url))

/** A request for an operation: by its text, or by the id of a document that is known. */
export interface Asked {
  query?: string | null | undefined
  documentId?: string | null | undefined
}

/** The documents that can be asked for by id, and whether others can be asked for at all. */
export class TrustedDocuments {
  readonly #mode: Config['trustedDocuments']['mode']
  readonly #texts: ReadonlyMap<string, string>

  constructor({ mode, documents }: Config['trustedDocuments']) {
    this.#mode = mode
    this.#texts = mode === 'off' ? new Map() : new Map([...readDocuments(OURS), ...documents])
  }

  /**
   * The text that is asked for; '' where none is. PERSISTED_QUERY_NOT_FOUND for an id that is not known, FORBIDDEN for a text where only known
   * documents are served. Whoever comes without a token, over the socket in DATA_DIR or where AUTH is off, may ask for anything.
   */
  textOf({ query, documentId }: Asked, caller: Caller | null): string {
    if (documentId == null || documentId === '') {
      if (query && this.#mode === 'only' && (!caller || caller.key !== undefined)) throw onlyKnown
      return query ?? ''
    }
    if (query) throw badInput('query and documentId are both given.', 'Give one of them.', 'documentId')
    const text = this.#texts.get(documentId)
    if (text === undefined) throw this.#mode === 'off' ? noIds : notFound
    return text
  }
}

/** Gives yoga the texts of documents that are asked for by id. */
export function trusted(documents: TrustedDocuments): Plugin<object, RequestInfo> {
  return {
    onParams: ({ params, setParams, request, context }) => {
      const documentId = request.method === 'GET' ? new URL(request.url).searchParams.get('documentId') : idIn(params)
      if (typeof params !== 'object' || params === null || (typeof params.query !== 'string' && !documentId)) return
      try {
        const query = documents.textOf({ query: params.query, documentId }, context.caller ?? null)
        if (documentId) setParams({ ...params, query })
      } catch (error) {
        if (!(error instanceof XinyiError)) throw error
        const { code, message, hint, field } = error
        throw shownError(null, { code, message, hint, field, http: { spec: true, status: code === 'FORBIDDEN' ? 403 : 400 } })
      }
    },
  }
}

const idIn = (params: unknown): string | undefined =>
  typeof params === 'object' && params !== null && 'documentId' in params && typeof params.documentId === 'string'
    ? params.documentId
    : undefined

const notFound = new XinyiError(
  'PERSISTED_QUERY_NOT_FOUND',
  'No document is known under this documentId.',
  'Add it to the manifest that TRUSTED_DOCUMENTS_FILE names, and start the server anew.',
)

const noIds = new XinyiError(
  'PERSISTED_QUERY_NOT_FOUND',
  'Documents are not served by id here.',
  'Send the query, or have TRUSTED_DOCUMENTS be allow or only.',
)

const onlyKnown = new XinyiError(
  'FORBIDDEN',
  'Only known documents are served here, by their documentId (TRUSTED_DOCUMENTS=only).',
  'Send documentId instead of query; TRUSTED_DOCUMENTS_FILE names the manifest that further documents belong into.',
)
