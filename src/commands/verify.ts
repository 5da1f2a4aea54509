import type { Config } from '../config.ts'
import { StartError } from '../errors.ts'
import { isTimeZone } from '../local-time.ts'
import { everybody, flawOf } from '../migrate/users.ts'
import { compareUser, type Difference, type Verified } from '../migrate/verify.ts'
import { connect } from './client.ts'
import { openSource } from './migrate.ts'
import { startProgress } from './progress.ts'

export interface VerifyOptions {
  against: string
  and?: string
  sourceTz?: string
  json?: boolean
}

/** So many differences are told one by one. */
const MAX_TOLD = 100
/** Users compared at a time. */
const AT_ONCE = 16

/** Reads the predecessor's stores again, compares each user with what is here, and answers how many differences there are. */
export async function verify(config: Config, options: VerifyOptions): Promise<Verified> {
  const { json = false, sourceTz = config.localTimeZone } = options
  if (!isTimeZone(sourceTz)) throw new StartError(`${sourceTz} is no time zone. Give the IANA name of one, such as Asia/Shanghai.`)
  const now = Date.now()
  const reading = { timeZone: sourceTz, now }
  const first = await openSource(options.against, reading)
  const second = options.and === undefined ? undefined : await openSource(options.and, reading)
  const client = await connect(config)
  const progress = startProgress((await first.count()) + ((await second?.count()) ?? 0), 'users')
  const verified: Verified = { users: 0, conversations: 0, beyondRetention: 0, differences: 0 }
  const told: Difference[] = []
  const underWay = new Set<Promise<void>>()
  try {
    for await (const { user } of everybody(second ? [first, second] : [first])) {
      if (flawOf(user.userId)) continue
      const one: Promise<void> = compareUser(client, user, { limits: config.limits, now })
        .then(({ differences, beyondRetention }) => {
          verified.users += 1
          verified.conversations += user.turns.length
          verified.beyondRetention += beyondRetention
          verified.differences += differences.length
          told.push(...differences.slice(0, MAX_TOLD - told.length))
          progress.update(verified.users, verified.users)
        })
        .finally(() => underWay.delete(one))
      underWay.add(one)
      if (underWay.size >= AT_ONCE) await Promise.race(underWay)
    }
    await Promise.all(underWay)
    progress.stop()
    console.log(json ? JSON.stringify({ ...verified, told }) : summary(verified, told))
    return verified
  } finally {
    progress.stop()
    await Promise.all([first.close(), second?.close(), client.close()])
  }
}

function summary({ users, conversations, beyondRetention, differences }: Verified, told: readonly Difference[]): string {
  const lines = told.map(({ userId, what, there, here }) => `${JSON.stringify(userId)}: ${what}: ${there} there, ${here} here`)
  if (differences > told.length) lines.push(`… and ${differences - told.length} more`)
  lines.push(
    `${users} users with ${conversations} conversations compared: ${differences === 0 ? 'no difference' : `${differences} differences`}.`,
  )
  if (beyondRetention > 0)
    lines.push(`${beyondRetention} of the conversations are counted but not kept, being beyond what the retention keeps.`)
  return lines.join('\n')
}
