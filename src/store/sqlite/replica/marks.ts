import type { Marks } from '../../copy.ts'
import { markOf } from '../../rules.ts'
import { setMark } from '../copies.ts'
import type { Sql } from '../sql.ts'
import { loadMeta, markedAt } from '../state.ts'
import { heldUsers, voidErased } from './journal.ts'

type Both = Record<'tombstones' | 'expiries', Marks>

/** Takes marks over that are later than those here. Answers how many, and which are later here. To be called in a transaction. */
export function raiseMarks(sql: Sql, { tombstones, expiries }: Both): { taken: number; later: Both } {
  let taken = 0
  const erased = new Map<string, number>()
  const later = (table: keyof Both, marks: Marks): Marks =>
    marks.flatMap(([mark, at]): Marks => {
      const here = markedAt(sql, table, mark) ?? -1
      if (here < at) {
        setMark(sql, table, mark, at)
        taken += 1
        if (table === 'tombstones') erased.set(mark, at)
      }
      return here > at ? [[mark, here]] : []
    })
  const both = { tombstones: later('tombstones', tombstones), expiries: later('expiries', expiries) }
  if (erased.size > 0) voidBy(sql, erased)
  return { taken, later: both }
}

/** Of whoever was erased nothing is held; what waits in the journal has yet to be answered. */
function voidBy(sql: Sql, erased: ReadonlyMap<string, number>): void {
  const key = loadMeta(sql)?.tombstoneKey
  if (!key) return
  for (const user of heldUsers(sql)) {
    const at = erased.get(markOf(key, user))
    if (at !== undefined) voidErased(sql, user, at, ['log', 'kept'])
  }
}
