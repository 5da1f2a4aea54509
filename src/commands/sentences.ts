import type { StorageFactsFragment, StorageMode } from '../gql/graphql.ts'

export const counted = (count: number, one: string, many: string): string => `${count.toLocaleString('en')} ${count === 1 ? one : many}`

const at = (time: string): string => `${time.slice(0, 19).replace('T', ' ')} UTC`

/** How the stores are doing, a sentence or two for each thing there is to tell. */
export function storageSentences(facts: StorageFactsFragment): string[] {
  const { mode, since, pinned, complete, pendingWrites, writeError, redis, reconciliation } = facts
  const pending = pendingWrites === 0 ? 'Nothing waits for Redis.' : `${counted(pendingWrites, 'write waits', 'writes wait')} for Redis.`
  const sentences = {
    EMBEDDED: `SQLite is the only store (EMBEDDED), since ${at(since)}.`,
    PRIMARY: `Redis serves (PRIMARY), since ${at(since)}. ${pending}`,
    FALLBACK: pinned
      ? `SQLite serves (FALLBACK), since ${at(since)}, because it was pinned: npx xinyi storage pin auto lets Redis serve again. ${pending}`
      : `SQLite serves (FALLBACK), since ${at(since)}, because Redis does not. ${pending}`,
    REPLAYING: `SQLite serves (REPLAYING), since ${at(since)}, while Redis gets what it missed. ${pending}`,
  }
  const incomplete = 'It has not taken over all users from Redis yet: those whom it lacks are not found before Redis is back.'
  // Nobody asks Redis while it is pinned.
  return [
    sentences[mode],
    writeError && `The disk refused the last recording (${writeError}): npx xinyi doctor says what to do.`,
    complete ? null : incomplete,
    pinned ? null : redis && redisSentence(redis),
    reconciliation && reconciliationSentence(reconciliation, mode),
  ].filter((sentence) => sentence !== null)
}

function redisSentence(redis: NonNullable<StorageFactsFragment['redis']>): string {
  const facts = [
    `Redis ${redis.version ?? ''} ${redis.reachable ? 'answers' : 'can not be used'}`.replace('  ', ' '),
    redis.latencyMs === null ? '' : `in ${redis.latencyMs.toFixed(1)} ms`,
    redis.usedMemoryBytes === null ? '' : `and uses ${Math.ceil(redis.usedMemoryBytes / 1024 / 1024)} MiB`,
    redis.lastError ? `(last error: ${redis.lastError})` : '',
  ]
  return `${facts.filter(Boolean).join(' ')}.`
}

function reconciliationSentence(of: NonNullable<StorageFactsFragment['reconciliation']>, mode: StorageMode): string {
  const counts = [
    `${counted(of.pushed, 'write', 'writes')} brought to Redis`,
    `${counted(of.pulled, 'user', 'users')} taken over from it`,
    `${counted(of.repaired, 'difference', 'differences')} put right`,
  ].join(', ')
  if (of.finishedAt === null) return `The stores are being brought together since ${at(of.startedAt)}: ${counts} so far.`
  const then = { true: ' They agreed then.', false: ' They differed then.', null: '' }
  const now = { true: ' They agree.', false: ' They still differ.', null: '' }
  const agreement = (mode === 'PRIMARY' ? now : then)[`${of.inAgreement}`]
  return `The stores were last brought together at ${at(of.finishedAt)}: ${counts}.${agreement}`
}
