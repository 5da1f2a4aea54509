import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { isTracing, traced } from '../../tracing/span.ts'

/** The files that make up each script, in order: libraries first, its own file last. */
const PARTS = {
  open: ['keys', 'open'],
  upgrade: ['keys', 'upgrade'],
  append: ['keys', 'heal', 'lists', 'sound', 'users', 'alerts', 'recorded', 'adopted', 'actions', 'removal', 'removed', 'append'],
  read: ['keys', 'lists', 'sound', 'users', 'view', 'pages', 'read'],
  log: ['keys', 'log'],
  chains: ['keys', 'chains'],
  head: ['keys', 'head'],
  policy: ['keys', 'policy'],
  staff: ['keys', 'staff'],
  positions: ['keys', 'positions'],
  counts: ['keys', 'counts'],
  fork: ['keys', 'fork'],
  raise: ['keys', 'heal', 'raise'],
  copies: ['keys', 'lists', 'sound', 'users', 'copies'],
  packs: ['keys', 'lists', 'sound', 'users', 'packed', 'copies'],
  revs: ['keys', 'lists', 'sound', 'users', 'revs'],
  restore: ['keys', 'heal', 'lists', 'sound', 'users', 'removal', 'put', 'restore'],
  release: ['keys', 'release'],
  prolong: ['keys', 'lease', 'prolong'],
  begin: ['keys', 'begin'],
  wipe: ['keys', 'lease', 'wipe'],
  seedusers: ['keys', 'heal', 'lists', 'sound', 'users', 'removal', 'put', 'lease', 'seedusers'],
  seedlog: ['keys', 'lease', 'seedlog'],
  seedhead: ['keys', 'lease', 'seedhead'],
  finish: ['keys', 'lease', 'finish'],
  trim: ['keys', 'trim'],
  want: ['keys', 'heal', 'want'],
  patched: ['keys', 'patched'],
  forget: ['keys', 'heal', 'lists', 'sound', 'users', 'removal', 'forget'],
  sweep: ['keys', 'heal', 'lists', 'sound', 'users', 'alerts', 'index', 'sweep'],
  reindex: ['keys', 'heal', 'lists', 'sound', 'users', 'alerts', 'index', 'reindex'],
} as const

export type ScriptName = keyof typeof PARTS

/** They answer bytes, some of which are no text. */
const IN_BYTES: ReadonlySet<ScriptName> = new Set(['packs'])

const source = (part: string): string => readFileSync(new URL(`./scripts/${part}.lua`, import.meta.url), 'utf8')

const built = (edit: (text: string) => string) =>
  Object.fromEntries(
    Object.entries(PARTS).map(([name, parts]) => {
      const text = edit(parts.map(source).join('\n'))
      return [name, { text, sha: createHash('sha1').update(text).digest('hex') }]
    }),
  )

let scripts = built((text) => text)

/** Only for tests: from now on the scripts run with their texts edited, to see that what a safeguard prevents would be noticed. */
export function editScripts(edit: (text: string) => string): void {
  scripts = built(edit)
}

/** Runs a script with one JSON argument and texts that need no reading: one round trip, two when the server does not know the script yet. */
export async function runScript(
  redis: Redis,
  name: ScriptName,
  argument: object,
  texts: readonly (string | Buffer)[] = [],
): Promise<unknown> {
  const script = scripts[name]
  if (!script) throw new Error(`no script ${name}`)
  const json = JSON.stringify(argument)
  const isInBytes = IN_BYTES.has(name)
  const run = async () => {
    try {
      if (isInBytes) return await redis.callBuffer('EVALSHA', script.sha, 0, json, ...texts)
      return await redis.evalsha(script.sha, 0, json, ...texts)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      if (isInBytes) return await redis.callBuffer('EVAL', script.text, 0, json, ...texts)
      return await redis.eval(script.text, 0, json, ...texts)
    }
  }
  return isTracing()
    ? traced({ name: `redis ${name}`, attributes: { 'db.system.name': 'redis', 'db.stored_procedure.name': name } }, run)
    : run()
}
