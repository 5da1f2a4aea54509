import { crc32 } from 'node:zlib'
import { z } from 'zod'
import type { Pack, UserCopy } from '../../copy.ts'
import { readCopies } from '../copies.ts'
import { json } from '../rows.ts'
import type { Sql } from '../sql.ts'
import type { Meta } from '../state.ts'

/**
 * Users as Redis has packed them, kept beside their rows: with these an empty Redis is filled several times as fast as with what is made of the rows. A pack is
 * kept of whoever was the same in both stores in that moment. What takes anything away from a user takes the pack too (014-packs.sql), and whatever else
 * is done to a user leaves another revision, at which the pack does not count.
 */

/** Of what is in a pack. Whatever changes the form in which Redis holds a user has to change this: no pack from before counts then. */
const FORMAT = 2

/** Nothing that is damaged, or another user's, is ever sent to Redis. */
const checksumOf = ({ user, rev, about, commands }: Pack): number => crc32(commands, crc32(about, crc32(`${FORMAT} ${rev} ${user}`)))

const DueRow = z.object({ userId: z.string(), isDue: z.int() })

/** Who of the next users after one has no pack that counts, might have, and has been quiet since; the last of all who were looked at, null when there are no more. */
export function unpackedUsers(sql: Sql, after: string, limit: number, since: number): { users: string[]; last: string | null } {
  const rows = sql.all(
    DueRow,
    `SELECT users.user_id AS userId, packs.rev IS NOT users.rev AND accepted_at <= ? AND patched = 0 AND counselor IS NULL AND sources IS NULL
     AND NOT EXISTS (SELECT 1 FROM alerts WHERE alerts.user_id = users.user_id)
     AND NOT EXISTS (SELECT 1 FROM dirty WHERE dirty.user_id = users.user_id) AS isDue
     FROM users LEFT JOIN packs ON packs.user_id = users.user_id WHERE users.user_id > ? ORDER BY users.user_id LIMIT ?`,
    ...[since, after, limit],
  )
  return { users: rows.filter(({ isDue }) => isDue === 1).map(({ userId }) => userId), last: rows.at(-1)?.userId ?? null }
}

/** Keeps the packs of those of whom what is here is the same. Answers how many. To be called in a transaction. */
export function savePacks(sql: Sql, meta: Meta, packs: readonly Pack[], isSame: (here: UserCopy) => boolean): number {
  const here = readCopies(
    sql,
    meta,
    packs.map(({ user }) => user),
  )
  const same = new Set(here.filter((copy) => isSame(copy)).map(({ user }) => user))
  let saved = 0
  for (const pack of packs) {
    if (!same.has(pack.user)) continue
    saved += sql.run(
      `INSERT INTO packs (user_id, rev, checksum, about, commands) SELECT user_id, rev, ?, ?, ? FROM users WHERE user_id = ? AND rev = ? AND patched = 0
       AND NOT EXISTS (SELECT 1 FROM dirty WHERE dirty.user_id = users.user_id)
       ON CONFLICT DO UPDATE SET rev = excluded.rev, checksum = excluded.checksum, about = excluded.about, commands = excluded.commands`,
      ...[checksumOf(pack), Buffer.from(pack.about), Buffer.from(pack.commands), pack.user, pack.rev],
    )
  }
  return saved
}

export function dropPacks(sql: Sql, users: readonly string[]): void {
  for (const user of users) sql.run('DELETE FROM packs WHERE user_id = ?', user)
}

const NOTHING = new Uint8Array(0)
const bytes = z
  .instanceof(Uint8Array)
  .nullable()
  .transform((found) => found ?? NOTHING)
const Page = z.object({
  listed: json(z.array(z.tuple([z.string(), z.int(), z.int().nullable(), z.int().nullable(), z.int().nullable()]))),
  about: bytes,
  commands: bytes,
})

export interface PacksPage {
  /** One behind the other in the same bytes. */
  packs: Pack[]
  others: string[]
  /** Whose packs are damaged, or of another format: some of the others. */
  spoiled: string[]
  last: string | null
}

/**
 * The next users after one, in order: with their packs where these count as of index n of the log, else without. SQLite puts the packs together: nothing is made of
 * each of them here. To be called in one snapshot.
 */
export function readPacks(sql: Sql, after: string, limit: number, n: number): PacksPage {
  const page = sql.get(
    Page,
    `SELECT json_group_array(json_array(user, iif(checksum IS NULL, 0, rev), checksum, length(about), length(commands))) AS listed,
     CAST(group_concat(about, '') AS BLOB) AS about, CAST(group_concat(commands, '') AS BLOB) AS commands FROM (
       SELECT users.user_id AS user, users.rev, checksum, about, commands FROM users LEFT JOIN packs ON packs.user_id = users.user_id AND packs.rev = users.rev
       AND users.rev <= ? AND patched = 0 WHERE users.user_id > ? ORDER BY users.user_id LIMIT ?)`,
    ...[n, after, limit],
  )
  // That would be taken for the end of all.
  if (!page) throw new Error('The users can not be read.')
  const found: PacksPage = { packs: [], others: [], spoiled: [], last: page.listed.at(-1)?.[0] ?? null }
  let [about, commands] = [0, 0]
  for (const [user, rev, checksum, aboutLength, commandsLength] of page.listed) {
    const [aboutEnd, commandsEnd] = [about + (aboutLength ?? 0), commands + (commandsLength ?? 0)]
    const pack = { user, rev, about: page.about.subarray(about, aboutEnd), commands: page.commands.subarray(commands, commandsEnd) }
    ;[about, commands] = [aboutEnd, commandsEnd]
    if (checksumOf(pack) === checksum) {
      found.packs.push(pack)
      continue
    }
    found.others.push(user)
    if (checksum !== null) found.spoiled.push(user)
  }
  return found
}
