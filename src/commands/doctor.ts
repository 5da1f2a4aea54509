import type { Config } from '../config.ts'
import { checkDatabase } from '../doctor/database.ts'
import { checkDirectory } from '../doctor/directory.ts'
import { type Finding, messageOf, ok, problem, warning } from '../doctor/finding.ts'
import { checkRedis } from '../doctor/redis.ts'
import { checkStores } from '../doctor/stores.ts'
import { StorageDocument } from '../gql/graphql.ts'
import { findServer } from './client.ts'

/** Looks at everything that is known to make trouble, and prints a line for each; answers whether there is no problem. */
export async function doctor(load: () => Config, { json = false }: { json?: boolean }): Promise<boolean> {
  const findings = await examine(load)
  if (json) console.log(JSON.stringify(findings))
  else for (const { check, level, says } of findings) console.log(`${level.toUpperCase().padEnd(7)}  ${check}: ${says}`)
  return findings.every(({ level }) => level !== 'problem')
}

async function examine(load: () => Config): Promise<Finding[]> {
  let config: Config
  try {
    config = load()
  } catch (error) {
    return [problem('configuration', messageOf(error))]
  }
  const configured =
    config.warnings.length > 0 ? config.warnings.map((each) => warning('configuration', each)) : [ok('configuration', 'Read, and sound.')]
  return [...configured, ...(await checkDirectory(config, Date.now())), ...(await checkRedis(config)), ...(await checkServer(config))]
}

async function checkServer(config: Config): Promise<Finding[]> {
  try {
    const server = await findServer(config)
    if (!server) return [ok('server', 'None is running here.'), checkDatabase(config)]
    try {
      const { storage } = await server.execute(StorageDocument, {})
      return [ok('server', `It answers at ${server.socket}.`), ...checkStores(storage)]
    } finally {
      await server.close()
    }
  } catch (error) {
    return [problem('server', messageOf(error))]
  }
}
