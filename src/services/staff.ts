import type { Logger } from 'pino'
import { uuidv7 } from 'uuidv7'
import type { Caller, Counselor, RiskAlert } from '../model.ts'
import { isOnDuty, type StaffMember } from '../staff.ts'
import type { Store } from '../store/store.ts'
import { Recent } from './recent.ts'
import type { LogWriter } from './writer.ts'

/** So many who sign in are remembered as known; others are looked up anew. */
const REMEMBERED = 10_000
/** What is said to be known may be so old where somebody is known, and where they are not. */
const KNOWN_FOR_MS = 60_000
const UNKNOWN_FOR_MS = 2_000
/** After a write that failed. */
const RETRY_MS = 10_000

export interface StaffOptions {
  /** Whom STAFF_FILE lists. */
  listed: readonly StaffMember[]
  store: Pick<Store, 'staff'>
  writer: Pick<LogWriter, 'submit'>
  clock: () => number
  logger: Logger
}

/** Who works here: whom STAFF_FILE lists, and whoever has signed in at any server. What the file says of somebody goes before. */
export class Staff {
  readonly #listed: ReadonlyMap<string, StaffMember>
  readonly #options: StaffOptions
  /** Those who have signed in, as far as the data set has told. */
  #joined: ReadonlyMap<string, Counselor> = new Map()
  #loadedAt = Number.NEGATIVE_INFINITY
  #loading: Promise<void> | undefined
  /** What people have shown themselves to be since the start. */
  readonly #seen = new Recent<string, true>(REMEMBERED)
  #retryAt = Number.NEGATIVE_INFINITY

  constructor(options: StaffOptions) {
    this.#options = options
    this.#listed = new Map(options.listed.map((member) => [member.sub, member]))
  }

  async all(): Promise<Counselor[]> {
    await this.#load()
    return [...new Map([...this.#joined, ...this.#listed]).values()].map(counselorOf)
  }

  /** Whoever goes by this name; of somebody who is not known (any more) no more is known than that. */
  async find(sub: string): Promise<Counselor> {
    return (await this.#known(sub)) ?? { sub, name: sub, role: 'COUNSELOR' }
  }

  /** Whether somebody can be asked to look after a user: where the file lists nobody, that can't be told of those who have not signed in yet. */
  async has(sub: string): Promise<boolean> {
    return this.#listed.size === 0 || (await this.#known(sub)) !== null
  }

  /** Somebody has shown who they are. If they are of the staff they are known from now on; nobody waits for that. */
  joined({ sub, name, roles: [role] }: Caller): void {
    if (role === 'SERVICE') return
    const shown = `${role} ${sub}\0${name}`
    if (this.#seen.has(shown) || this.#options.clock() < this.#retryAt) return
    this.#seen.set(shown, true)
    this.#join({ sub, name, role }).catch((error) => {
      this.#seen.delete(shown)
      this.#retryAt = this.#options.clock() + RETRY_MS
      this.#options.logger.warn({ err: error }, 'that somebody has signed in could not be kept; it is tried again when they come again')
    })
  }

  async #join(counselor: Counselor): Promise<void> {
    const { store, writer, clock } = this.#options
    const known = (await store.staff()).find(({ sub }) => sub === counselor.sub)
    if (known?.name === counselor.name && known.role === counselor.role) return
    const at = clock()
    // What was known of them before, at a server whose clock is ahead, gives way.
    const acceptedAt = Math.max(at, (known?.at ?? 0) + 1)
    await writer.submit({ id: uuidv7(), kind: 'joined', user: '', acceptedAt, occurredAt: at, payload: counselor })
    this.#loadedAt = Number.NEGATIVE_INFINITY
  }

  /**
   * Whom a step of an escalation tells: the assigned counselor first, then the counselors on duty, the supervisors, the admins. A rung
   * with nobody on it is passed over; after the last one, that is told again.
   */
  rung({ assignee }: Pick<RiskAlert, 'assignee'>, step: number, at: number): string[] {
    const members = [...this.#listed.values()]
    const subs = (which: (member: StaffMember) => boolean) => members.filter(which).map(({ sub }) => sub)
    const rungs = [
      assignee === null ? [] : [assignee],
      subs((member) => member.role === 'COUNSELOR' && member.sub !== assignee && isOnDuty(member, at)),
      subs(({ role }) => role === 'SUPERVISOR'),
      subs(({ role }) => role === 'ADMIN'),
    ].filter((rung) => rung.length > 0)
    return rungs[Math.min(step, rungs.length) - 1] ?? []
  }

  async #known(sub: string): Promise<Counselor | null> {
    const listed = this.#listed.get(sub)
    if (listed) return counselorOf(listed)
    const age = this.#options.clock() - this.#loadedAt
    if (age < 0 || age > (this.#joined.has(sub) ? KNOWN_FOR_MS : UNKNOWN_FOR_MS)) await this.#load()
    return this.#joined.get(sub) ?? null
  }

  /** Whoever asks meanwhile waits for the same. Where nobody answers, what was known before is. */
  #load(): Promise<void> {
    const { store, clock, logger } = this.#options
    this.#loading ??= store
      .staff()
      .then(
        (joined) => {
          this.#joined = new Map(joined.map((member) => [member.sub, counselorOf(member)]))
          this.#loadedAt = clock()
        },
        (error) => logger.warn({ err: error }, 'who has signed in could not be read'),
      )
      .finally(() => {
        this.#loading = undefined
      })
    return this.#loading
  }
}

const counselorOf = ({ sub, name, role }: Counselor): Counselor => ({ sub, name, role })
