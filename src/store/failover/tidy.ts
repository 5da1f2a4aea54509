import type { UserCopy } from '../copy.ts'
import type { RedisStore } from '../redis/store.ts'
import { compareBytes } from '../rules.ts'
import type { Reconciliation } from '../store.ts'
import { judge } from './compare.ts'
import type { Joint } from './joint.ts'
import type { Tail } from './tail.ts'

const USERS_PER_STEP = 50
const PATIENCE_MS = 2_000

/** While Redis orders the log: takes over from it whoever is not known to be the same here, and compares the others by and by. */
export class Tidy {
  readonly #primary: RedisStore
  readonly #tail: Tail
  readonly #joint: Joint
  readonly #report: Reconciliation
  /** Where the comparison has come to, by user ids. */
  #compared = ''

  constructor(options: { primary: RedisStore; tail: Tail; joint: Joint; report: Reconciliation }) {
    this.#primary = options.primary
    this.#tail = options.tail
    this.#joint = options.joint
    this.#report = options.report
  }

  /** Takes over everybody who is due. Answers whether the replica is whole now. */
  async pull(): Promise<boolean> {
    const { replica } = this.#joint.local
    await this.#primary.forget()
    for (let { rebuiltTo } = await replica.facts(); rebuiltTo !== null; ) {
      const page = await this.#primary.copies({ after: rebuiltTo, limit: USERS_PER_STEP })
      await this.mend(page.damaged)
      if (!(await replica.replaceUsers({ ...page, epoch: this.#primary.epoch, rebuiltTo: page.last }))) return false
      this.#report.pulled += page.copies.length
      rebuiltTo = page.last
    }
    for (let users = await replica.dirtyUsers(USERS_PER_STEP); users.length > 0; users = await replica.dirtyUsers(USERS_PER_STEP)) {
      const { damaged, ...from } = await this.#primary.copies({ users })
      if (damaged.length > 0) await this.mend(damaged)
      const whole = damaged.length > 0 ? await this.#primary.copies({ users }) : { ...from, damaged }
      // Keys that nobody can put back are as Redis says they are.
      if (whole.copies.length === 0 || !(await replica.replaceUsers({ ...whole, epoch: this.#primary.epoch }))) return false
      this.#report.pulled += whole.copies.length
    }
    return this.#tail.reached((await this.#primary.status()).n, PATIENCE_MS)
  }

  /** Puts users back in Redis whose keys were lost there. */
  async mend(users: readonly string[]): Promise<void> {
    if (users.length === 0) return
    const { local, logger } = this.#joint
    // Redis takes back only what is as new as its index of users says.
    await this.#tail.reached((await this.#primary.status()).n, PATIENCE_MS)
    const refused: string[] = []
    for (const copy of await local.replica.copies(users)) if (!(await this.#primary.restore(copy))) refused.push(copy.user)
    // They are not here as they were there.
    await local.replica.markDirty(refused)
    const restored = users.length - refused.length
    this.#report.repaired += restored
    logger.warn({ users: users.length, restored }, 'keys of users were missing in Redis; they are put back from SQLite')
  }

  /** What was erased, what has expired and what is kept stays known in Redis. */
  async #compareCounts(): Promise<void> {
    const { replica } = this.#joint.local
    // In this order: Redis may have more by now, but never less.
    const here = await replica.counts()
    const there = await this.#primary.counts()
    if (here.tombstones <= there.tombstones && here.expiries <= there.expiries && here.policies <= there.policies) return
    const { tombstones, expiries, policies } = (await replica.seed('', 0)).head
    await this.#primary.raise({ tombstones, expiries, policies })
    this.#joint.logger.warn(
      { inSqlite: here, inRedis: there },
      'Redis had lost marks of the erased or expired, or a retention policy; they are put back',
    )
    this.#report.repaired += 1
  }

  /** Compares the next users in order. Answers whether all were the same; null when that can't be told yet. */
  async compare(): Promise<boolean | null> {
    const { local, clock, logger, seams } = this.#joint
    if (seams?.withoutComparison) return true
    const { replica } = local
    await this.#compareCounts()
    const there = await this.#primary.copies({ after: this.#compared, limit: USERS_PER_STEP })
    if (!(await this.#tail.reached(there.n, PATIENCE_MS))) return null
    const nearby = await replica.nextCopies(this.#compared, USERS_PER_STEP)
    const end = [there.last, nearby.length < USERS_PER_STEP ? null : nearby.at(-1)?.user].reduce<string | null>(
      (least, id) => (id != null && (least === null || compareBytes(id, least) < 0) ? id : least),
      null,
    )
    const within = (user: string) => end === null || compareBytes(user, end) <= 0
    const found = new Map<string, UserCopy | null>(there.damaged.map((user) => [user, null]))
    for (const copy of there.copies) found.set(copy.user, copy)
    const users = [...new Set([...found.keys(), ...nearby.map(({ user }) => user)])].filter(within)
    const absent = users.filter((user) => !found.has(user))
    const asked = absent.length > 0 ? await this.#primary.copies({ users: absent }) : { copies: [], damaged: [], n: there.n }
    for (const copy of asked.copies) found.set(copy.user, copy)
    if (!(await this.#tail.reached(asked.n, PATIENCE_MS))) return null
    const at = { n: there.n, policies: await replica.policies(), now: clock() }
    const dirty = new Set(await replica.dirtyAmong(users))
    const verdicts = (await replica.copies(users))
      .filter(({ user }) => !dirty.has(user))
      .map((here) => ({ user: here.user, verdict: judge(found.get(here.user) ?? null, here, at) }))
    const of = (verdict: string) => verdicts.filter((each) => each.verdict === verdict).map(({ user }) => user)
    const [pull, restore] = [of('pull'), of('restore')]
    this.#compared = end ?? ''
    if (pull.length + restore.length === 0) return true
    logger.warn({ inSqlite: pull.length, inRedis: restore.length }, 'users differed between Redis and SQLite; they are put right')
    this.#report.repaired += pull.length
    await replica.markDirty(pull)
    await this.mend(restore)
    return false
  }
}
