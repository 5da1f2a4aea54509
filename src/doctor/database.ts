import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Config, DATABASE_NAME } from '../config.ts'
import { inspectDatabase } from '../store/sqlite/snapshot.ts'
import { type Finding, messageOf, ok, problem } from './finding.ts'

/** The database file, as a start of the server looks at it. Only where no server has it open. */
export function checkDatabase({ dataDir }: Pick<Config, 'dataDir'>): Finding {
  const path = join(resolve(dataDir), DATABASE_NAME)
  if (!existsSync(path) && !existsSync(`${path}-wal`)) return ok('database', `There is no ${DATABASE_NAME} yet; the first start makes it.`)
  try {
    const { n, rows } = inspectDatabase(path)
    return ok('database', `${path} is whole (quick_check), up to ${n}: ${rows.users} users, ${rows.conversations} conversations.`)
  } catch (error) {
    return problem('database', messageOf(error))
  }
}
