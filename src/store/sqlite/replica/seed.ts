import { z } from 'zod'
import { type Head, isPartial as isPartialEpoch, isSeeded } from '../../copy.ts'
import { chainOf } from '../../rules.ts'
import type { LogEntry } from '../../store.ts'
import { savePositions } from '../apply.ts'
import { addFork, chainAt, loadLineage, readLog, writeEntry } from '../log.ts'
import type { Sql } from '../sql.ts'
import { loadMeta, type Meta, marksOf } from '../state.ts'
import { markBeyond, settleAhead } from './ahead.ts'
import { completeUpTo, isPartial, noteComplete } from './kept.ts'

const StepRow = z.object({ n: z.int(), origin: z.string(), seq: z.int() })

/** The chain at each index that something ahead of the log has here, as it is once these indexes are settled. */
function chainsAhead(sql: Sql): Map<number, string> {
  let chain = loadMeta(sql)?.chain ?? ''
  const steps = sql.all(StepRow, 'SELECT n, origin, seq FROM journal WHERE n IS NOT NULL ORDER BY n')
  return new Map(
    steps.map(({ n, origin, seq }) => {
      chain = chainOf(chain, origin, seq)
      return [n, chain]
    }),
  )
}

const entriesAfter = (sql: Sql, n: number, limit: number, chains: ReadonlyMap<number, string>): LogEntry[] =>
  readLog(sql, n, limit).map((entry) => ({ ...entry, chain: chains.get(entry.n) ?? entry.chain, settled: true }))

/**
 * What Redis is to hold besides users and log: the data set as it is here at this moment, with what is applied ahead of the log as its
 * end, and so many entries of the log at most. To be called in one snapshot.
 */
export function seedHead(sql: Sql, meta: Meta, epoch: string, entries: number): Head {
  const chains = chainsAhead(sql)
  const n = meta.n + chains.size
  const trimmed = Math.max(meta.trimmed, n - entries)
  return {
    dataSetId: meta.dataSetId,
    epoch,
    tombstoneKey: meta.tombstoneKey.export().toString('hex'),
    n,
    trimmed,
    trimmedChain: chains.get(trimmed) ?? chainAt(sql, trimmed) ?? '',
    chain: chains.get(n) ?? meta.chain,
    // Of users who were not taken over yet, the later events are to be brought by those who have them.
    positions: completeUpTo(sql),
    ...marksOf(sql),
    lineage: [...loadLineage(sql), { epoch, n: meta.n }],
  }
}

/** The next entries of the log that goes with it; what was erased since is gone from there. To be called in one snapshot. */
export const seedLog = (sql: Sql, after: number, limit: number): LogEntry[] =>
  entriesAfter(sql, after, limit, after + limit > (loadMeta(sql)?.n ?? 0) ? chainsAhead(sql) : new Map())

const PAGE = 1_000

/** What Redis was filled with is what it holds now, so what was applied ahead of the log then is the log's end. To be called in a transaction. */
export function settle(sql: Sql, { epoch, lineage, positions, n }: Pick<Head, 'epoch' | 'n' | 'positions' | 'lineage'>): void {
  const chains = chainsAhead(sql)
  for (let done = loadMeta(sql)?.n ?? 0; done < n; ) {
    const page = entriesAfter(sql, done, Math.min(PAGE, n - done), chains)
    for (const entry of page) writeEntry(sql, entry)
    done = page.at(-1)?.n ?? n
  }
  sql.run('DELETE FROM journal WHERE n <= ?', n)
  sql.run('UPDATE policies SET ahead = NULL WHERE n <= ?', n)
  sql.run('UPDATE meta SET n = ?, chain = ?', n, chains.get(n) ?? loadMeta(sql)?.chain ?? '')
  if (isPartial(sql)) {
    sql.run('DELETE FROM positions')
    noteComplete(sql, positions)
  }
  savePositions(sql, Object.entries(positions))
  settleAhead(sql)
  setEpoch(sql, { epoch, lineage })
  // Redis was given everybody as they are here, but for what came since.
  sql.run('DELETE FROM dirty WHERE user_id NOT IN (SELECT user_id FROM journal WHERE n IS NOT NULL AND user_id IS NOT NULL)')
}

/** Goes on in the epoch of a Redis, which another instance may have begun. To be called in a transaction. */
export function adoptEpoch(sql: Sql, { epoch, lineage }: Pick<Head, 'epoch' | 'lineage'>): void {
  const known = loadMeta(sql)
  if (known?.joined && known.epoch !== epoch) {
    markBeyond(sql)
    const since = lineage.slice(lineage.findIndex((fork) => fork.epoch === known.epoch) + 1)
    if (since.some((fork) => isSeeded(fork.epoch))) sql.run("UPDATE meta SET rebuilt_to = ''")
    // There everybody may be other than here at the same revision.
    if (since.some((fork) => isPartialEpoch(fork.epoch))) sql.run('INSERT OR IGNORE INTO dirty (user_id) SELECT user_id FROM users')
  }
  setEpoch(sql, { epoch, lineage })
}

/** The data set is that of a Redis, whose log is in this epoch. */
function setEpoch(sql: Sql, { epoch, lineage }: Pick<Head, 'epoch' | 'lineage'>): void {
  sql.run('UPDATE meta SET epoch = ?, joined = 1', epoch)
  sql.run('DELETE FROM lineage')
  for (const fork of lineage) addFork(sql, fork)
}
