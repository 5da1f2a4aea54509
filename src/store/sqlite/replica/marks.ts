import type { Marks } from '../../copy.ts'
import { setMark } from '../copies.ts'
import type { Sql } from '../sql.ts'
import { markedAt } from '../state.ts'

type Both = Record<'tombstones' | 'expiries', Marks>

/** Takes marks over that are later than those here. Answers how many, and which are later here. To be called in a transaction. */
export function raiseMarks(sql: Sql, { tombstones, expiries }: Both): { taken: number; later: Both } {
  let taken = 0
  const later = (table: keyof Both, marks: Marks): Marks =>
    marks.flatMap(([mark, at]): Marks => {
      const here = markedAt(sql, table, mark) ?? -1
      if (here < at) {
        setMark(sql, table, mark, at)
        taken += 1
      }
      return here > at ? [[mark, here]] : []
    })
  const both = { tombstones: later('tombstones', tombstones), expiries: later('expiries', expiries) }
  return { taken, later: both }
}
