import { join } from 'node:path'
import pino from 'pino'
import { onTestFinished } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import type { TypedDocumentString } from '../../src/gql/graphql.ts'
import type { Line, Services } from '../../src/graphql/context.ts'
import { TrustedDocuments } from '../../src/graphql/documents.ts'
import { createGraphQL, type GraphQLServer } from '../../src/graphql/yoga.ts'
import type { Caller } from '../../src/model.ts'
import { Audit } from '../../src/services/audit.ts'
import { Desk } from '../../src/services/desk.ts'
import { AlertFeed } from '../../src/services/feed.ts'
import { History } from '../../src/services/history.ts'
import { Migration } from '../../src/services/migration.ts'
import { Quotas } from '../../src/services/quotas.ts'
import { Recorder } from '../../src/services/recorder.ts'
import { Staff } from '../../src/services/staff.ts'
import { LogWriter } from '../../src/services/writer.ts'
import type { AuditLog } from '../../src/store/audit/audit.ts'
import type { ReadRequest, Store } from '../../src/store/store.ts'
import { NOW } from '../helpers/events.ts'
import { STAFF } from '../helpers/staff.ts'
import type { StoreKind } from '../helpers/stores.ts'
import { tempDir } from '../helpers/temp.ts'
import { ledgerHere } from '../helpers/this-thread.ts'

export interface Failure {
  message: string
  path?: (string | number)[]
  extensions: { code: string; hint?: string; field?: string; requestId?: string; present?: object }
}

export interface Answer<T> {
  data: T | null
  errors?: Failure[]
  extensions: { storage: { served: string; pendingWrites: number } }
}

/** What a test that looks at single answers gets at without types. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is the query's, which stands beside it.
export type Loose = any

export interface Served {
  yoga: GraphQLServer
  services: Services
  /** The reads that reached the store, batch by batch. */
  reads: (readonly ReadRequest[])[]
  /** Everything that was logged, as text. */
  log: string[]
  now: { time: number }
  /** What the audit log is written to. */
  disk: { isFull: boolean }
  /** Who asks, by their sub; null for a stranger. A supervisor and admin, unless the test says otherwise. */
  as: { sub: string | null; roles: Caller['roles'] }
  caller(): Caller | null
  run<T = Loose, V = Record<string, unknown>>(document: string | TypedDocumentString<T, V>, variables?: V): Promise<Answer<T>>
  /** The data, or the errors thrown. */
  ask<T = Loose, V = Record<string, unknown>>(document: string | TypedDocumentString<T, V>, variables?: V): Promise<T>
  /** The payloads of a subscription. */
  listen<T = Loose, V = Record<string, unknown>>(
    document: string | TypedDocumentString<T, V>,
    variables?: V,
  ): Promise<AsyncIterableIterator<Answer<T>>>
}

/** A recording, with more in the answer than the assistant's back end may read. */
export const RECORD = `mutation ($input: RecordConversationInput!) { recordConversation(input: $input) {
  duplicate durability conversation { id occurredAt topics { name } } user { userId totalChats currentRisk attention }
  alert { id level status occurrences } } }`

/** The whole of GraphQL over a store of this kind, ended with the present test. */
export async function serve(kind: StoreKind): Promise<Served> {
  const { store } = await kind.open()
  return serveStore(store)
}

/** The same over a store some of whose methods are replaced. */
export async function serveStore(store: Store, replaced: Partial<Store> = {}): Promise<Served> {
  const now = { time: NOW }
  const clock = () => now.time
  const log: string[] = []
  const reads: (readonly ReadRequest[])[] = []
  const config = loadConfig({})
  const as: Served['as'] = { sub: 'chief', roles: ['SUPERVISOR', 'ADMIN'] }
  const caller = (): Caller | null => (as.sub === null ? null : { sub: as.sub, name: as.sub, roles: as.roles })
  const logger = pino({ level: 'trace' }, { write: (line) => void log.push(line) })
  const watched = new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(key in replaced ? replaced : target, key)
      if (typeof value !== 'function') return value
      return (...args: readonly (readonly ReadRequest[])[]) => {
        if (key === 'read' && args[0]) reads.push(args[0])
        return value.apply(target, args)
      }
    },
  })
  const writer = new LogWriter(watched)
  const feed = new AlertFeed({ store: watched, logger, clock })
  await feed.start()
  const dir = tempDir()
  const ledger = await ledgerHere({ path: join(dir.path, 'audit.db'), headPath: join(dir.path, 'audit.head') })
  const disk = { isFull: false }
  const switched: AuditLog = {
    append: (notes) => (disk.isFull ? Promise.reject(new Error('full')) : ledger.append(notes)),
    page: (asked) => ledger.page(asked),
    close: () => ledger.close(),
  }
  const audit = new Audit(switched, { logger })
  onTestFinished(async () => {
    await feed.close()
    await writer.close()
    await audit.close()
    dir.remove()
  })
  const recorder = new Recorder(writer, config, clock)
  const staff = new Staff({ listed: STAFF, store: watched, writer, clock, logger })
  const desk = new Desk(watched, writer, { staff, clock })
  const history = new History(watched, writer, clock)
  const migration = new Migration(recorder, writer, clock)
  const services: Services = {
    store: watched,
    recorder,
    history,
    migration,
    feed,
    desk,
    staff,
    audit,
    quotas: new Quotas(config.quotas),
    documents: new TrustedDocuments(config.trustedDocuments),
    clock,
    config,
  }
  const yoga = createGraphQL(services, { logger })

  const run: Served['run'] = async (document, variables) => {
    const body = JSON.stringify({ query: document.toString(), variables })
    const headers = { 'content-type': 'application/json', accept: 'application/graphql-response+json' }
    const response = await yoga.fetch('http://localhost/graphql', { method: 'POST', headers, body }, { caller: caller() })
    return response.json()
  }
  return {
    yoga,
    services,
    reads,
    log,
    now,
    disk,
    as,
    caller,
    run,
    async ask(document, variables) {
      const { data, errors } = await run(document, variables)
      if (errors || !data) throw new Error(JSON.stringify(errors, null, 2))
      return data
    },
    async listen(document, variables) {
      // Through a line, as connections take them: what is the same for many is worked out once.
      const taken: Answer<Loose>[] = []
      let wake = () => {}
      let isOver = false
      const line: Line = {
        lastEventId: null,
        next: (json) => {
          taken.push(JSON.parse(json))
          wake()
        },
        idle: () => {},
        tooSlow: () => {},
      }
      const { schema, parse, subscribe, contextFactory, validate } = yoga.getEnveloped({ caller: caller(), line })
      const parsed = parse(document.toString())
      validate(schema, parsed)
      const result: Loose = await subscribe({ schema, document: parsed, variableValues: variables, contextValue: await contextFactory() })
      if (!(Symbol.asyncIterator in result)) throw new Error(JSON.stringify(result))
      const end = () => {
        isOver = true
        wake()
      }
      const stream = result[Symbol.asyncIterator]()
      stream.next().then(end, end)
      const messages: AsyncIterableIterator<Answer<Loose>> = {
        next: async () => {
          while (taken.length === 0 && !isOver) await new Promise<void>((resolve) => (wake = resolve))
          const value = taken.shift()
          return value ? { value, done: false } : { value: undefined, done: true }
        },
        return: async () => {
          await stream.return?.()
          return { value: undefined, done: true }
        },
        [Symbol.asyncIterator]: () => messages,
      }
      return messages
    },
  }
}
