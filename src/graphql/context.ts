import { randomUUID } from 'node:crypto'
import DataLoader from 'dataloader'
import type { Config } from '../config.ts'
import { XinyiError } from '../errors.ts'
import type { Caller, Durability, StorageBackend, User } from '../model.ts'
import type { Audit } from '../services/audit.ts'
import type { Desk } from '../services/desk.ts'
import type { AlertFeed } from '../services/feed.ts'
import type { History } from '../services/history.ts'
import type { Migration } from '../services/migration.ts'
import type { Quotas } from '../services/quotas.ts'
import type { Recorder } from '../services/recorder.ts'
import type { Staff } from '../services/staff.ts'
import type { Answer, ReadRequest, Store, View } from '../store/store.ts'
import { Trail } from './audit.ts'
import type { TrustedDocuments } from './documents.ts'
import { NOTHING } from './nothing.ts'
import { Seal } from './seal.ts'

/** What the schema is served from; src/app.ts builds it. */
export interface Services {
  store: Store
  recorder: Recorder
  history: History
  migration: Migration
  feed: AlertFeed
  desk: Desk
  staff: Staff
  audit: Audit
  quotas: Quotas
  documents: TrustedDocuments
  clock: () => number
  config: Config
}

/** The connection of a subscriber. */
export interface Line {
  /** What it says it was given last; null for nothing. */
  readonly lastEventId: string | null
  /** Takes the next result, in JSON, and the cursor of whoever was given that; resolves when there is room for more. */
  next(json: string, cursor: string | null): Promise<void> | void
  /** Nothing has come for a while, and everything was given up to this cursor. */
  idle(cursor: string): void
  /** It does not take what it is sent, and is given up. */
  tooSlow(): void
}

export interface GraphQLContext {
  services: Services
  /** Who asks; null where that is not known. */
  caller: Caller | null
  /** Whom the caller sees; undefined: everybody. */
  view: View | undefined
  /** For cursors of lists in which there may be somebody outside of the view; undefined: there is nobody. */
  readonly seal: Seal | undefined
  /** Names this request in its answer, in the log and in the audit log. */
  requestId: string
  /** What is to be written down of it. */
  trail: Trail
  /** What takes the results of a subscription as they are sent; null where they are taken as they come of the execution. */
  line: Line | null
  /**
   * Reads from the store what the caller may see, and no more; everything asked for at one level of a query travels together, and nothing
   * is asked for twice.
   */
  load<R extends ReadRequest>(request: R): Promise<Answer<R>>
  /** Forgets what was read: after a write, and before each event of a subscription. From then on it reaches as far as is said; as far as the caller sees, if nothing is. */
  renew(reach?: Reach): void
  /** Takes note of a write. */
  wrote(durability: Durability): void
  /** Where the answer came from since this was last asked: SQLITE if any part of it did. */
  served(): StorageBackend
}

/**
 * Further than the caller sees: the person and the alert that something was about which the caller has just done, or has a right to be told,
 * though it may have taken both out of sight. Or nowhere at all.
 */
type Reach = { userId: string; alertId: string } | 'NOWHERE'

/** Rights of several roles add up; so whoever may see everybody as one of them does. */
const viewOf = (caller: Caller | null): View | undefined =>
  caller?.roles.includes('COUNSELOR') && !caller.roles.includes('SUPERVISOR') ? { counselor: caller.sub } : undefined

/** What comes with each request besides its text. */
export interface RequestInfo {
  caller?: Caller | null
  requestId?: string
  line?: Line | null
}

/** Bounds how long one batch can occupy the store. */
const MAX_BATCH = 2_000

export function requestContext(services: Services, { caller = null, line = null, requestId = randomUUID() }: RequestInfo): GraphQLContext {
  const from = new Set<StorageBackend>()
  const view = viewOf(caller)
  const newLoader = (seen: View | undefined) => {
    const read = async (requests: readonly ReadRequest[]): Promise<readonly unknown[]> => {
      const { answers, served } = await services.store.read(requests, services.clock(), seen)
      from.add(served)
      return answers
    }
    return new DataLoader<ReadRequest, unknown, string>(read, { cacheKeyFn: (request) => JSON.stringify(request), maxBatchSize: MAX_BATCH })
  }
  // Made when they are needed: most events of a subscription need none.
  let loader: ReturnType<typeof newLoader> | null = null
  let beyond: ReturnType<typeof newLoader> | null = null
  let reach: Reach | undefined
  return {
    services,
    caller,
    view,
    get seal() {
      return view && new Seal(services.store.secret)
    },
    requestId,
    trail: new Trail(services.clock),
    line,
    // The store answers each request of a batch in its kind; one loader for all kinds can't express that.
    load<R extends ReadRequest>(request: R) {
      if (reach === 'NOWHERE') return Promise.resolve(NOTHING[request.kind] as Answer<R>)
      if (reach && isAbout(request, reach)) {
        beyond ??= newLoader(undefined)
        return beyond.load(request) as Promise<Answer<R>>
      }
      loader ??= newLoader(view)
      return loader.load(request) as Promise<Answer<R>>
    },
    renew(further) {
      loader = null
      beyond = null
      reach = further
    },
    wrote(durability) {
      // What is in the journal alone, SQLite alone has.
      from.add(durability === 'BOTH' ? 'REDIS' : 'SQLITE')
    },
    served() {
      const [one = services.store.backend] = from
      const served = from.has('SQLITE') ? 'SQLITE' : one
      from.clear()
      return served
    },
  }
}

const isAbout = (request: ReadRequest, { userId, alertId }: Exclude<Reach, string>): boolean =>
  ('userId' in request && request.userId === userId) || ('alertId' in request && request.alertId === alertId)

/** A user that something else refers to; only an erasure in the meantime can have removed it. */
export async function userOf(context: GraphQLContext, userId: string): Promise<User> {
  const user = await context.load({ kind: 'user', userId })
  if (!user)
    throw new XinyiError('NOT_FOUND', 'The user is not known any more.', 'The user was erased or expired in the meantime; ask again.')
  return user
}
