import { isUtf8 } from 'node:buffer'
import type { RedisTarget } from '../store/redis/connect.ts'
import { keysOfRedis, type LegacyKeys } from './keys.ts'
import type { LegacySource, LegacyUser, Quarantined } from './legacy.ts'
import { byTime, countOf, legacyJson, pointOf, type Reading, Sieve, timeOf, topicOf, turnOf, Unusable } from './parse.ts'

/** Of one list or set of one user; the predecessor's have some kilobytes, and at most 24 items. What is beyond is put aside. */
const MAX_BYTES = 8_000_000
const MAX_ITEMS = 10_000

/** The predecessor's ids are not escaped and can hold anything, a whole key included: the last suffix counts. */
const KEY = /^user:(.*):(profile|conversations|topics|emotions)$/s

const TYPES = { profile: 'hash', conversations: 'list', emotions: 'list', topics: 'set' } as const
type Suffix = keyof typeof TYPES
const SUFFIXES = Object.keys(TYPES) as Suffix[]
const FIELDS = ['created_at', 'last_active', 'total_chats', 'total_risk_alerts'] as const

/** Whose key this is; null where it is none of the predecessor's. */
export const userOfKey = (key: Buffer): string | null => KEY.exec(key.toString('latin1'))?.[1] ?? null

/** The predecessor's Redis, which is only read. */
export const openLegacyRedis = async (target: RedisTarget, reading: Reading): Promise<LegacySource> =>
  sourceOfKeys(await keysOfRedis(target), reading)

export function sourceOfKeys(keys: LegacyKeys, reading: Reading): LegacySource {
  return {
    store: 'redis',
    // Most users have three keys or four.
    count: async () => Math.ceil((await keys.count()) / 4),
    async *userIds() {
      for await (const names of keys.names()) {
        const ids = names.filter((name) => isUtf8(name)).flatMap((name) => KEY.exec(name.toString())?.[1] ?? [])
        yield* new Set(ids)
      }
    },
    async *strays() {
      for await (const names of keys.names()) {
        const sieve = new Sieve('redis', '')
        for (const name of names)
          if (!isUtf8(name) && userOfKey(name) !== null) sieve.setAside(`key ${name.toString('base64')} (base64)`, 'bad_user_id', null)
        yield sieve.quarantined
      }
    },
    read: (userId) => readUser(keys, userId, reading),
    close: () => keys.close(),
  }
}

interface Found {
  type: string
  values: (Buffer | null)[]
  /** Where what is beyond begins; null where nothing is. */
  beyond: string | null
}

async function readKey(keys: LegacyKeys, key: string, fields?: readonly string[]): Promise<Found> {
  const values: (Buffer | null)[] = []
  let bytes = 0
  for (let from = '0'; ; ) {
    const page = await keys.page(key, { from, ...(fields && { fields }) })
    values.push(...page.values)
    bytes += page.values.reduce((sum, value) => sum + (value?.length ?? 0), 0)
    const isFull = values.length >= MAX_ITEMS || bytes >= MAX_BYTES
    if (page.next === null || isFull) return { type: page.type, values, beyond: page.next }
    from = page.next
  }
}

async function readUser(keys: LegacyKeys, userId: string, reading: Reading): Promise<LegacyUser | null> {
  const sieve = new Sieve('redis', userId)
  const nameOf = (suffix: Suffix): string => `user:${userId}:${suffix}`
  const found = await Promise.all(SUFFIXES.map((suffix) => readKey(keys, nameOf(suffix), suffix === 'profile' ? FIELDS : undefined)))
  if (found.every(({ type }) => type === 'none')) return null

  const usable = (suffix: Suffix): Found => {
    const key = found[SUFFIXES.indexOf(suffix)]
    if (!key || key.type === 'none') return NOTHING
    if (key.type === TYPES[suffix]) return key
    sieve.setAside(suffix, 'wrong_type', null)
    return NOTHING
  }
  const texts = <T>(suffix: Suffix, read: (text: string) => T): T[] =>
    sieve.all(suffix, usable(suffix).values, (value) => read(textOf(value)))
  const profile = usable('profile').values
  const field = <T>(name: (typeof FIELDS)[number], read: (text: string) => T): T | null => {
    const value = profile[FIELDS.indexOf(name)] ?? null
    return value && sieve.take(`profile.${name}`, value, () => read(textOf(value)))
  }
  const time = (text: string): number => timeOf(text, reading)
  return {
    userId,
    createdAt: field('created_at', time),
    lastActiveAt: field('last_active', time),
    totalChats: field('total_chats', countOf) ?? 0,
    totalRiskAlerts: field('total_risk_alerts', countOf) ?? 0,
    topics: [...new Set(texts('topics', topicOf))].sort(),
    turns: texts('conversations', (text) => turnOf(legacyJson(text), reading)).sort(byTime),
    points: texts('emotions', (text) => pointOf(legacyJson(text), reading)).sort(byTime),
    quarantined: sieve.quarantined,
    async *beyond() {
      for (const [i, suffix] of SUFFIXES.entries()) {
        const { type, values, beyond } = found[i] ?? NOTHING
        if (type === TYPES[suffix] && beyond !== null) yield* beyondOf(keys, { userId, suffix, from: beyond, place: values.length })
      }
    },
  }
}

const NOTHING: Found = { type: 'none', values: [], beyond: null }

async function* beyondOf(
  keys: LegacyKeys,
  { userId, suffix, from, place }: { userId: string; suffix: Suffix; from: string; place: number },
): AsyncGenerator<readonly Quarantined[]> {
  for (let next: string | null = from, at = place; next !== null; ) {
    const page = await keys.page(`user:${userId}:${suffix}`, { from: next })
    const sieve = new Sieve('redis', userId)
    for (const [i, value] of page.values.entries()) sieve.setAside(`${suffix}[${at + i}]`, 'too_many', value)
    yield sieve.quarantined
    at += page.values.length
    next = page.next
  }
}

function textOf(value: Buffer | null): string {
  if (value === null) throw new Unusable('too_large')
  if (!isUtf8(value)) throw new Unusable('bad_text')
  return value.toString()
}
