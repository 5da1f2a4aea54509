import { isDeepStrictEqual } from 'node:util'
import { parseGlobalId } from '../../src/graphql/ids.ts'
import { compareBytes } from '../../src/store/rules.ts'
import { GraphQLClient } from './graphql.ts'
import type { Instance } from './instance.ts'
import { isRisky, type Ledger, RISKS, type UserLedger } from './ledger.ts'
import { HISTORY, HistoryData, USERS, type UserDump, UsersData } from './operations.ts'
import { healed } from './world.ts'

/** Everything that an instance shows of every user, by user id. */
export type Dump = ReadonlyMap<string, UserDump>

/** Conversations kept of a user by default. */
const KEPT = 50
const ATTEMPTS = 5

/**
 * Reads everything from one instance, which must answer from Redis; on a busy machine it may time out meanwhile, and is asked again when it is well. Of
 * somebody whose keys are lost while nobody has them whole it answers from SQLite for some 15 s: then it is asked again when its stores agree.
 */
export async function dumpOfRedis(instance: Instance, ledger: Ledger, limitMs: number): Promise<Dump> {
  for (let attempts = 1; ; attempts += 1) {
    const { users, others } = await dump(instance, 'REDIS', ledger)
    if (others.size === 0) return users
    if (attempts === ATTEMPTS) {
      ledger.violated('served by another', `${instance.name}: ${[...others].join(', ')} answered instead of Redis`)
      return users
    }
    await healed([instance], limitMs, attempts > 1)
  }
}

/** The same of SQLite, with Redis gone. */
export async function dumpOfSqlite(instance: Instance, ledger: Ledger): Promise<Dump> {
  const { users, others } = await dump(instance, 'SQLITE', ledger)
  if (others.size > 0) ledger.violated('served by another', `${instance.name}: ${[...others].join(', ')} answered instead of SQLite`)
  return users
}

/** `others`: which other stores have answered. */
async function dump(instance: Instance, from: 'REDIS' | 'SQLITE', ledger: Ledger): Promise<{ users: Dump; others: ReadonlySet<string> }> {
  const client = new GraphQLClient(() => instance.url)
  const users = new Map<string, UserDump>()
  const others = new Set<string>()
  try {
    for (let after: string | null = null, failures = 0; ; ) {
      const outcome = await client.ask(USERS, { after })
      if (outcome.type === 'none' || outcome.errors.length > 0) {
        failures += 1
        ledger.violated('unreadable', `${instance.name}: ${JSON.stringify(outcome.type === 'none' ? outcome.reason : outcome.errors)}`)
        if (failures === ATTEMPTS) return { users, others }
        continue
      }
      if (outcome.served !== from) others.add(outcome.served ?? 'nobody')
      const page = UsersData.parse(outcome.data).users
      for (const { node } of page.edges) users.set(node.userId, node)
      if (!page.pageInfo.hasNextPage) break
      after = page.pageInfo.endCursor
    }
  } finally {
    client.close()
  }
  return { users, others }
}

/** Compares what is shown of every user with what was acknowledged. */
export function checkAgainst(ledger: Ledger, shown: Dump, where: string): { lost: number; doubled: number } {
  const sum = { lost: 0, doubled: 0 }
  for (const user of ledger.users.values()) {
    const found = shown.get(user.id)
    const { least, most } = user.bounds()
    const total = found?.totalChats ?? 0
    sum.lost += Math.max(0, least - total)
    sum.doubled += Math.max(0, total - most)
    const told = `${where}: ${user.id} (${user.population})`
    if (total < least) ledger.violated('lost', `${told}: totalChats ${total}, acknowledged ${least}`)
    if (total > most) ledger.violated(user.erased ? 'not erased' : 'doubled', `${told}: totalChats ${total}, at most ${most} were sent`)
    if (user.erased && most === 0 && found) ledger.violated('not erased', `${told} is there, though erased`)
    if (found && !user.unsure)
      for (const wrong of [...checkAlerts(user, found), ...checkHistory(user, found)]) ledger.violated('wrong state', `${told}: ${wrong}`)
  }
  for (const id of shown.keys()) if (!ledger.users.has(id)) ledger.violated('wrong state', `${where}: a user that nobody recorded`)
  return sum
}

/** What was said about an alert is in its history, once. */
export async function checkNotes(ledger: Ledger, instance: Instance, where: string): Promise<void> {
  const client = new GraphQLClient(() => instance.url)
  for (const user of ledger.users.values()) {
    if (user.notes.size === 0) continue
    const noted: string[] = []
    for (let after: string | null | undefined = null; after !== undefined; ) {
      const outcome = await client.ask(HISTORY, { id: user.alertId, after })
      const history = outcome.type === 'answer' ? HistoryData.safeParse(outcome.data).data?.node?.history : undefined
      if (!history) ledger.violated('unreadable', `${where}: the history of the alert of ${user.id}`)
      noted.push(...(history?.edges ?? []).flatMap(({ node }) => node.note ?? []))
      after = history?.pageInfo.hasNextPage ? history.pageInfo.endCursor : undefined
    }
    for (const [note, acknowledged] of user.notes) {
      const times = noted.filter((text) => text.includes(note)).length
      if (times > 1) ledger.violated('doubled', `${where}: ${user.id}: ${note} stands ${times} times in the history of the alert`)
      if (times === 0 && acknowledged) ledger.violated('lost', `${where}: ${user.id}: ${note} is not in the history of the alert`)
    }
  }
  client.close()
}

/** Nothing resolves alerts here, so a user has one, with all risky conversations since the erasure. */
function* checkAlerts(user: UserLedger, { riskAlerts, totalRiskAlerts }: UserDump): Generator<string> {
  const { least, most } = user.bounds(isRisky)
  const within = (count: number) => count >= least && count <= most
  const expected = least === most ? `${least}` : `${least} to ${most}`
  if (!within(totalRiskAlerts)) yield `totalRiskAlerts ${totalRiskAlerts}, risky conversations ${expected}`
  const alerts = riskAlerts.edges.map(({ node }) => node)
  const occurrences = alerts.reduce((sum, alert) => sum + alert.occurrences, 0)
  if (!within(occurrences)) yield `alerts with ${occurrences} occurrences, risky conversations ${expected}`
  if (alerts.length > 1) yield `${alerts.length} alerts at once`
  const lowest = user.isLoose ? -1 : Math.max(-1, ...ranks(user.acked.values()).filter((rank) => rank >= 2))
  const highest = Math.max(...ranks(user.acked.values()), ...ranks(user.maybe.values()))
  for (const { level } of alerts)
    if (rankOf(level) < lowest || rankOf(level) > highest) yield `alert of level ${level}, expected ${RISKS[lowest]}`
}

const RANKS: ReadonlyMap<string, number> = new Map(RISKS.map((risk, rank) => [risk, rank]))
const rankOf = (risk: string): number => RANKS.get(risk) ?? -1
const ranks = (risks: Iterable<string>): number[] => [...new Set(risks)].map(rankOf)

/** Kept are the newest, each once, in order; all of them as long as they are few. */
function* checkHistory(user: UserLedger, { conversations, totalChats }: UserDump): Generator<string> {
  const kept = conversations.edges.map(({ node }) => ({ key: parseGlobalId(node.id, 'id').id, at: Date.parse(node.occurredAt) }))
  const keys = new Set(kept.map(({ key }) => key))
  if (keys.size < kept.length) yield 'a conversation is kept twice'
  const unordered = kept.some(({ key, at }, i) => {
    const before = kept[i - 1]
    return before && (before.at < at || (before.at === at && compareBytes(before.key, key) < 0))
  })
  if (unordered) yield 'the kept conversations are out of order'
  if (conversations.totalCount !== kept.length) yield `totalCount ${conversations.totalCount} of ${kept.length} kept conversations`
  const unknown = [...keys].filter((key) => !user.acked.has(key) && !user.maybe.has(key))
  if (unknown.length > 0) yield `keeps ${unknown.length} conversations that were not sent, or erased: ${unknown.slice(0, 3).join(' ')}`
  if (user.clearedAt.size > 0) return
  if (kept.length !== Math.min(KEPT, totalChats)) yield `keeps ${kept.length} conversations of ${totalChats}`
  if (totalChats > KEPT || user.isLoose) return
  const missing = [...user.acked.keys()].filter((key) => !keys.has(key))
  if (missing.length > 0) yield `acknowledged and not kept: ${missing.slice(0, 3).join(' ')}`
}

/** Two views of the data set have to be the same to the letter. */
export function compareDumps(ledger: Ledger, a: Dump, nameA: string, b: Dump, nameB: string): number {
  let differing = 0
  for (const id of new Set([...a.keys(), ...b.keys()])) {
    const [one, other] = [a.get(id), b.get(id)]
    if (isDeepStrictEqual(one, other)) continue
    differing += 1
    const fields = one && other ? Object.keys(one).filter((field) => !isDeepStrictEqual(one[field], other[field])) : ['is missing in one']
    const values = fields.map((field) => `${field}: ${excerpt(one?.[field], other?.[field])}`)
    ledger.violated('differs', `${nameA} / ${nameB}: ${id}: ${values.join('; ')}`)
  }
  return differing
}

/** Where two values begin to differ. */
function excerpt(one: unknown, other: unknown): string {
  const [a, b] = [JSON.stringify(one) ?? '-', JSON.stringify(other) ?? '-']
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  const part = (text: string) => text.slice(Math.max(0, i - 40), i + 80)
  return `…${part(a)}… / …${part(b)}…`
}
