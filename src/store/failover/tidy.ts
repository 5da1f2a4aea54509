import { setTimeout } from 'node:timers/promises'
import { isErased, type UserCopy } from '../copy.ts'
import type { RedisStore } from '../redis/store.ts'
import { compareBytes } from '../rules.ts'
import { againErased } from '../sqlite/erasures.ts'
import type { Reconciliation } from '../store.ts'
import { judge } from './compare.ts'
import { Outdated, wordOf } from './faults.ts'
import { Forgotten } from './forgotten.ts'
import type { Joint } from './joint.ts'
import { mendable } from './mendable.ts'
import { type Completing, completeAll, completeUsers, patchedIn, pullCompleted } from './patched.ts'
import type { RemoteReplica } from './replica.ts'
import type { Tail } from './tail.ts'

const USERS_PER_STEP = 50
const REVS_PER_STEP = 500
/** Each of them is held in memory twice. */
const COMPARED_PER_STEP = 50
const PATIENCE_MS = 2_000
const COMPARE_MS = 2_000
const PULL_RETRY_MS = 250

/** While Redis orders the log: takes over from it whoever is not known to be the same here, and compares the others by and by. */
export class Tidy {
  readonly #primary: RedisStore
  readonly #tail: Tail
  readonly #joint: Joint
  readonly #report: Reconciliation
  readonly #forgotten: Forgotten
  /** Users whose keys nobody here can put back. */
  readonly #unmendable = new Set<string>()
  /** Users whom others may put back. */
  readonly #left = new Set<string>()
  /** Where the comparison has come to, by user ids. */
  #compared = ''
  #isRoundClean = true
  /** The same, of those who are patched here. */
  #patchedUpTo = ''
  /** The same, of the marks of the erased and expired, which have no order. */
  #scanned = ['0', '0']

  constructor(options: { primary: RedisStore; tail: Tail; joint: Joint; report: Reconciliation }) {
    this.#primary = options.primary
    this.#tail = options.tail
    this.#joint = options.joint
    this.#report = options.report
    this.#forgotten = new Forgotten(options)
  }

  /** Goes on for as long as this Redis is in charge. */
  async keep({ inCharge, announce, signal }: { inCharge: () => boolean; announce: () => void; signal: AbortSignal }): Promise<void> {
    const { logger, clock } = this.#joint
    const report = this.#report
    while (inCharge()) {
      const began = performance.now()
      let isWhole = false
      try {
        isWhole = (await this.pull()) && inCharge()
        if (isWhole && report.finishedAt === null) {
          report.finishedAt = clock()
          logger.info({ pushed: report.pushed, pulled: report.pulled, repaired: report.repaired }, 'Redis and SQLite are brought together')
        }
        const before = report.inAgreement
        if (isWhole) report.inAgreement = await this.compare()
        if (report.inAgreement !== before) announce()
      } catch (error) {
        if (inCharge()) logger.debug({ because: wordOf(error) }, 'users could not be taken over; it is tried again')
      }
      // While everybody is compared in a row, Redis serves others for as long as each step took.
      const wait = !isWhole ? PULL_RETRY_MS : report.inAgreement ? COMPARE_MS : Math.min(performance.now() - began, COMPARE_MS)
      if (inCharge()) await setTimeout(wait, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  /** Takes over everybody who is due. Answers whether the replica is whole now. */
  async pull(): Promise<boolean> {
    const { replica } = this.#joint.local
    await this.#putBackWanted()
    this.#report.repaired += await completeAll(this.#completing)
    this.#patchedUpTo = await pullCompleted(this.#completing, this.#patchedUpTo)
    await this.#primary.forget()
    const { epoch } = this.#primary
    const { partial, ...facts } = await replica.facts()
    for (let { rebuiltTo } = facts; rebuiltTo !== null; ) {
      const page = await this.#primary.revs({ after: rebuiltTo, limit: REVS_PER_STEP })
      if (!(await this.#tail.reached(page.n, PATIENCE_MS))) return false
      if (!(await replica.noteRevs({ ...page, after: rebuiltTo, epoch }))) return false
      rebuiltTo = page.last
    }
    for (let users = await this.#dirtyUsers(); users.length > 0; users = await this.#dirtyUsers()) {
      const page = await this.#primary.copies({ users })
      await this.mend(page.damaged)
      const completed = await completeUsers(this.#completing, patchedIn(page.copies))
      const { copies, damaged, ...from } = page.damaged.length + completed > 0 ? await this.#primary.copies({ users }) : page
      // Nobody of whom everything is here is taken over as somebody else had to put them back.
      const patched = patchedIn(copies)
      const whole = patched.length > 0 ? await replica.wholeAmong(patched) : []
      for (const user of whole) this.#left.add(user)
      // Keys that nobody can put back stay as they are, until Redis hears of the user again.
      for (const user of damaged) if (!this.#left.has(user)) this.#unmendable.add(user)
      if (!(await this.#take({ copies: copies.filter(({ user }) => !whole.includes(user)), ...from }))) return false
    }
    if (this.#left.size > 0) return false
    this.#joint.incompleteSince.clear()
    if (partial) await replica.letGo()
    return this.#tail.reached((await this.#primary.status()).n, PATIENCE_MS)
  }

  get #completing(): Completing {
    return { primary: this.#primary, replica: this.#joint.local.replica, follow: (n) => this.#tail.reached(n, PATIENCE_MS) }
  }

  async #dirtyUsers(): Promise<string[]> {
    const users = await this.#joint.local.replica.dirtyUsers(USERS_PER_STEP + this.#unmendable.size + this.#left.size)
    return users.filter((user) => !this.#unmendable.has(user) && !this.#left.has(user)).slice(0, USERS_PER_STEP)
  }

  /** Puts back whom others could not; and has them put back whom this one could not. */
  async #putBackWanted(): Promise<void> {
    const left = [...this.#left]
    this.#left.clear()
    const wanted = (await this.#primary.want(left, [])).filter((user) => !left.includes(user))
    if (wanted.length === 0) return
    const { damaged } = await this.#primary.copies({ users: wanted })
    await this.mend(await this.#joint.local.replica.known(damaged))
    await this.#primary.want(
      [],
      wanted.filter((user) => !damaged.includes(user)),
    )
  }

  /** Puts users into the replica, and into Redis those whom it turns out to have lost. Answers whether that could be done. */
  async #take(page: Omit<Parameters<RemoteReplica['replaceUsers']>[0], 'epoch'>): Promise<boolean> {
    if (await this.#forgotten.recordAgain(page)) return false
    const lost = await this.#joint.local.replica.replaceUsers({ ...page, epoch: this.#primary.epoch })
    if (!lost) return false
    this.#report.pulled += page.copies.length - lost.length
    for (const user of await this.mend(lost)) this.#unmendable.add(user)
    await this.#eraseAgain(page.copies.map(({ user }) => user))
    return true
  }

  /** Whoever is in Redis although they were erased: it has gone back to before that, and nobody had the event. Answers whether anybody was. */
  async #eraseAgain(users: readonly string[]): Promise<boolean> {
    const { local, logger, append } = this.#joint
    const overdue = await local.replica.overdueAmong(users)
    if (overdue.length === 0) return false
    logger.warn({ users: overdue.length }, 'people who had been erased were in Redis again: they are erased again')
    this.#report.repaired += overdue.length
    await append(againErased(overdue))
    return true
  }

  /** Whether somebody of these is left to others, for now. */
  leaves(users: readonly string[]): boolean {
    return users.some((user) => this.#left.has(user))
  }

  /** Puts users back in Redis whose keys were lost there. Answers those whom it does not take. */
  async mend(lost: readonly string[]): Promise<readonly string[]> {
    if (lost.length === 0) return []
    const incomplete = await this.#joint.local.replica.dirtyAmong(lost)
    const users = await mendable(this.#primary, this.#joint, { users: lost, incomplete })
    for (const user of lost) if (!users.includes(user)) this.#left.add(user)
    if (users.length === 0) return []
    const { local, logger } = this.#joint
    // Redis takes back only what is as new as its index of users says.
    if (!(await this.#tail.reached((await this.#primary.status()).n, PATIENCE_MS))) throw new Outdated('SQLite is behind Redis')
    const refused: string[] = []
    const unlike: string[] = []
    // Of whoever is only otherwise here than Redis had them, everything is here.
    if ((await local.replica.facts()).partial) await local.replica.lack(incomplete)
    for (const copy of await local.replica.copies(users)) {
      if ((await this.#primary.restore(copy)) === 'ok') continue
      // They are not here as they were there. Nobody who has them so has come for as long as may be: others record again what they hold besides.
      unlike.push(copy.user)
      if (!incomplete.includes(copy.user)) this.#left.add(copy.user)
      else if ((await this.#primary.restore(copy, { force: true })) !== 'ok') refused.push(copy.user)
    }
    await local.replica.markDirty(unlike)
    const restored = users.filter((user) => !refused.includes(user) && !this.#left.has(user)).length
    this.#report.repaired += restored
    logger.warn({ users: users.length, restored }, 'keys of users were missing in Redis; they are put back from SQLite')
    return refused
  }

  /** What was erased, what has expired, what is kept and who has signed in stays known in Redis. */
  async #compareCounts(): Promise<void> {
    const { replica } = this.#joint.local
    // In this order: Redis may have more by now, but never less.
    const here = await replica.counts()
    const there = await this.#primary.counts()
    if (
      here.tombstones <= there.tombstones &&
      here.expiries <= there.expiries &&
      here.policies <= there.policies &&
      here.staff <= there.staff
    )
      return
    await this.#raise(await replica.marks())
  }

  async #raise(marks: Parameters<RedisStore['raise']>[0]): Promise<void> {
    if (!(await this.#primary.raise(marks))) return
    this.#joint.logger.warn('Redis had lost marks of the erased or expired, a retention policy, or who has signed in; they are put back')
    this.#report.repaired += 1
  }

  /**
   * Compares the next users in order. Answers whether everybody was the same since the log of Redis last went another way, or a
   * difference was found; null until that can be told.
   */
  async compare(): Promise<boolean | null> {
    const { local, clock, logger, seams } = this.#joint
    if (seams?.withoutComparison) return true
    const { replica } = local
    await this.#compareCounts()
    const { marks, next } = await this.#primary.marks(this.#scanned)
    const there = await this.#primary.copies({ after: this.#compared, limit: COMPARED_PER_STEP })
    if (!(await this.#tail.reached(there.n, PATIENCE_MS))) return null
    const { taken, later } = await replica.raiseMarks(marks)
    if (later.tombstones.length + later.expiries.length > 0) await this.#raise(later)
    this.#scanned = next
    const nearby = await replica.nextUsers(this.#compared, COMPARED_PER_STEP)
    const end = [there.last, nearby.length < COMPARED_PER_STEP ? null : nearby.at(-1)].reduce<string | null>(
      (least, id) => (id != null && (least === null || compareBytes(id, least) < 0) ? id : least),
      null,
    )
    const within = (user: string) => end === null || compareBytes(user, end) <= 0
    const found = new Map<string, UserCopy | null>(there.damaged.map((user) => [user, null]))
    for (const copy of there.copies) found.set(copy.user, copy)
    const absent = nearby.filter((user) => within(user) && !found.has(user))
    const asked = absent.length > 0 ? await this.#primary.copies({ users: absent }) : { copies: [], damaged: [], n: there.n }
    for (const copy of asked.copies) found.set(copy.user, copy)
    for (const user of asked.damaged) found.set(user, null)
    if (!(await this.#tail.reached(asked.n, PATIENCE_MS))) return null
    const users = [...found.keys()].filter(within)
    const at = { n: there.n, policies: await replica.policies(), now: clock() }
    const dirty = new Set(await replica.dirtyAmong(users))
    const copies = await replica.copies(users.filter((user) => !dirty.has(user)))
    const verdicts = copies.map((here) => ({ user: here.user, verdict: judge(found.get(here.user) ?? null, here, at) }))
    const of = (verdict: string) => verdicts.filter((each) => each.verdict === verdict).map(({ user }) => user)
    const [pull, restore, complete] = [of('pull'), of('restore'), of('complete')]
    this.#compared = end ?? ''
    if (pull.length + restore.length + complete.length === 0) {
      await replica.settleKept(there.n, there.positions)
      const isOverdue = await this.#eraseAgain(
        copies.flatMap(({ user, state, erasedAt }) => (state && isErased(state, erasedAt) ? [user] : [])),
      )
      if (taken > 0 || isOverdue) return this.#differed()
      if (end === null) {
        this.#joint.isCompared ||= this.#isRoundClean
        this.#isRoundClean = true
      }
      return this.#joint.isCompared || null
    }
    logger.warn(
      { inSqlite: pull.length, inRedis: restore.length + complete.length },
      'users differed between Redis and SQLite; they are put right',
    )
    this.#report.repaired += pull.length
    await replica.markDirty(pull)
    await this.mend(restore)
    this.#report.repaired += await completeUsers(this.#completing, complete)
    return this.#differed()
  }

  /** Another whole round has to show that nothing else differs. */
  #differed(): false {
    this.#isRoundClean = false
    this.#joint.isCompared = false
    return false
  }
}
