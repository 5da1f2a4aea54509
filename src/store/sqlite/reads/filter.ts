import { riskRank } from '../../../model.ts'
import { MAX_CANDIDATES, type UserFilter } from '../../store.ts'
import { Count } from '../rows.ts'
import type { Fragment, Param, Sql } from '../sql.ts'

/** One part of a filter of users: the condition, and the users that an index finds for it, where one does. */
export interface Criterion {
  matches: Fragment
  candidates: Fragment | null
}

export function criteriaOf({
  search,
  minRisk,
  activeSince,
  attention,
  hasOpenAlert,
  topics,
  counselor,
  unassigned,
}: UserFilter): Criterion[] {
  const criteria: Criterion[] = []
  if (search !== undefined) criteria.push(indexed(...startsWith(search)))
  if (minRisk !== undefined) {
    const rank = riskRank(minRisk)
    criteria.push({ ...indexed('risk_order >= ?', rank * 1e13), matches: { sql: 'current_risk >= ?', params: [rank] } })
  }
  if (activeSince !== undefined) criteria.push(indexed('active_order >= ? AND last_active_at IS NOT NULL', activeSince))
  if (attention === 'NONE') criteria.push(unindexed("attention = 'NONE'"))
  else if (attention !== undefined) criteria.push(indexed("attention = ? AND attention <> 'NONE'", attention))
  if (hasOpenAlert !== undefined) criteria.push(hasOpenAlert ? indexed('open_alert_id IS NOT NULL') : unindexed('open_alert_id IS NULL'))
  if (counselor !== undefined) criteria.push(indexed('counselor = ?', counselor))
  if (unassigned !== undefined) criteria.push(unindexed(`counselor IS ${unassigned ? '' : 'NOT '}NULL`))
  if (topics !== undefined) {
    const holders = `SELECT DISTINCT user_id AS candidate FROM user_topics WHERE name IN (${topics.map(() => '?').join()})`
    criteria.push({ matches: { sql: `user_id IN (${holders})`, params: topics }, candidates: { sql: holders, params: topics } })
  }
  return criteria
}

const unindexed = (sql: string): Criterion => ({ matches: { sql, params: [] }, candidates: null })

const indexed = (sql: string, ...params: Param[]): Criterion => ({
  matches: { sql, params },
  candidates: { sql: `SELECT user_id AS candidate FROM users WHERE ${sql}`, params },
})

/** A range rather than LIKE or substr, which know wildcards, fold case and stop at NUL. */
function startsWith(prefix: string): [sql: string, ...params: string[]] {
  const end = endOfPrefix(prefix)
  return end === null ? ['user_id >= ?', prefix] : ['user_id >= ? AND user_id < ?', prefix, end]
}

/** The first text after all that begin with this one, in the order of UTF-8 bytes, which is that of code points; null when there is none. */
function endOfPrefix(prefix: string): string | null {
  const points = [...prefix]
  while (points.at(-1) === '\u{10ffff}') points.pop()
  const last = points.pop()?.codePointAt(0)
  if (last === undefined) return null
  // Between these two lie the surrogates, which are no characters.
  return points.join('') + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1)
}

/** The candidates of the most selective criterion, unless there are too many of them to look at. */
export function fewestCandidates(sql: Sql, criteria: readonly Criterion[]): Fragment | null {
  let best: Fragment | null = null
  let fewest = MAX_CANDIDATES + 1
  for (const { candidates } of criteria) {
    if (!candidates) continue
    const found = sql.get(Count, `SELECT count(*) AS count FROM (${candidates.sql} LIMIT ?)`, ...candidates.params, fewest)?.count ?? 0
    if (found >= fewest) continue
    best = candidates
    fewest = found
  }
  return best
}
