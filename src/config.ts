import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { distance } from 'fastest-levenshtein'
import * as z from 'zod'
import { checkKeyFile } from './auth/key-file.ts'
import { readDocuments } from './documents-file.ts'
import { StartError } from './errors.ts'
import { isLoopback } from './loopback.ts'
import type { Limits, Role } from './model.ts'
import type { QuotaLimits } from './services/quotas.ts'
import { AUDIT_HEAD_NAME, AUDIT_NAME, DATABASE_NAME, SECRET_NAME, SOCKET_NAME, WEBHOOK_NAME } from './settings/names.ts'
import { SETTINGS, Settings } from './settings.ts'
import { readStaff, type StaffMember } from './staff.ts'
import type { RedisTarget } from './store/redis/connect.ts'
import { type TracingConfig, tracingOf } from './tracing/settings.ts'
import { DEFAULT_VOCABULARY, type TopicRule } from './vocabulary.ts'

export { AUDIT_HEAD_NAME, AUDIT_NAME, DATABASE_NAME, SECRET_NAME, SOCKET_NAME, type TopicRule, WEBHOOK_NAME }

/** How it is known who asks. */
export interface AuthConfig {
  /** False: whoever asks from this machine is believed. */
  readonly required: boolean
  /** Key of HS256; null: none is configured. Never print it. */
  readonly secret: Uint8Array | null
  /** Where the public keys of an identity provider are: http(s): or file:. May hold a password: never print it. */
  readonly jwks: URL | null
  readonly issuer: string | null
  readonly audience: string | null
}

export interface Config {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** The origin under which browsers know this server; '' where that is not told. */
  readonly publicUrl: string
  readonly allowedOrigins: readonly string[]
  readonly auth: AuthConfig
  readonly storageBackend: 'redis' | 'sqlite'
  /** redis://…, rediss://… or the path of a socket. May hold a password: never print it. */
  readonly redisUrl: string
  /** How to get to the Redis: by its URL, or by asking sentinels where it is. May hold passwords. */
  readonly redisTarget: RedisTarget
  readonly dataDir: string
  readonly localTimeZone: string
  /** What the data set is to keep, and how soon somebody has to act. */
  readonly limits: Readonly<Limits>
  readonly maxQueryCodePoints: number
  readonly maxResponseCodePoints: number
  readonly maxBodyBytes: number
  /** What a client may take to send a request, or in taking nothing of an answer. */
  readonly requestTimeoutMs: number
  /** Open at a time over the network; 0: no limit. */
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
  /** What each token may ask for. */
  readonly quotas: Readonly<QuotaLimits>
  /** Whether documents are served by id, and those of the team's own, texts by id. */
  readonly trustedDocuments: { readonly mode: 'off' | 'allow' | 'only'; readonly documents: ReadonlyMap<string, string> }
  /** Who is told the schema. */
  readonly introspection: readonly Role[]
  readonly vocabulary: readonly TopicRule[]
  readonly staff: readonly StaffMember[]
  readonly feedHeartbeatMs: number
  /** Where alert events are posted, and the key of their signature. May hold passwords: never print it. */
  readonly webhook: { readonly url: string; readonly secret: Buffer } | null
  /** Null: nothing is traced. */
  readonly tracing: TracingConfig | null
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** From the signal to end until what is still open is cut off. */
  readonly shutdownTimeoutMs: number
  /** What looks like a mistake but may be none, as sentences: to be logged at start. */
  readonly warnings: readonly string[]
}

export type Environment = Readonly<Record<string, string | undefined>>

/** Reads the whole configuration, or throws one StartError with a line for every mistake: what is wrong, and what to do. */
export function loadConfig(env: Environment): Config {
  const given = Object.fromEntries(SETTINGS.map(({ name, default: fallback }) => [name, env[name]?.trim() || fallback]))
  const mistakes: string[] = []
  const parsed = Settings.safeParse(given)
  const wrong = new Set(parsed.error?.issues.map(({ path }) => path[0]))
  for (const { name, secret, expected } of SETTINGS.filter(({ name }) => wrong.has(name)))
    mistakes.push(secret ? `${name} has to be ${expected}.` : `${name} is ${JSON.stringify(given[name])}; it has to be ${expected}.`)

  let vocabulary = DEFAULT_VOCABULARY
  try {
    if (given.TOPICS_FILE) vocabulary = readVocabulary(given.TOPICS_FILE)
  } catch (error) {
    mistakes.push(`TOPICS_FILE: ${error instanceof Error ? error.message : error}`)
  }

  let staff: readonly StaffMember[] = []
  try {
    if (given.STAFF_FILE) staff = readStaff(given.STAFF_FILE, parsed.data?.LOCAL_TIME_ZONE ?? 'UTC')
  } catch (error) {
    mistakes.push(`STAFF_FILE: ${error instanceof Error ? error.message : error}`)
  }

  try {
    if (given.AUTH_JWKS_FILE) checkKeyFile(given.AUTH_JWKS_FILE)
  } catch (error) {
    mistakes.push(`AUTH_JWKS_FILE: ${error instanceof Error ? error.message : error}`)
  }

  let documents: ReadonlyMap<string, string> = new Map()
  try {
    if (given.TRUSTED_DOCUMENTS_FILE) documents = readDocuments(given.TRUSTED_DOCUMENTS_FILE)
  } catch (error) {
    mistakes.push(`TRUSTED_DOCUMENTS_FILE: ${error instanceof Error ? error.message : error}`)
  }

  if (parsed.data?.ALERT_WEBHOOK_URL && !parsed.data.ALERT_WEBHOOK_SECRET)
    mistakes.push('ALERT_WEBHOOK_SECRET has to be set where ALERT_WEBHOOK_URL is: whoever is told has to know that it was this service.')

  if (parsed.data?.AUTH === 'off' && !isLoopback(parsed.data.HOST))
    mistakes.push(
      `AUTH is off and HOST is ${JSON.stringify(parsed.data.HOST)}: anybody on the network could read everything. Leave AUTH on, or HOST at 127.0.0.1.`,
    )
  if (parsed.data?.AUTH === 'off' && parsed.data.PUBLIC_URL)
    mistakes.push('AUTH is off and PUBLIC_URL is set: whoever comes by that proxy could read everything. Leave AUTH on, or PUBLIC_URL out.')
  if (parsed.data?.AUTH_JWKS_URL && parsed.data.AUTH_JWKS_FILE)
    mistakes.push('AUTH_JWKS_URL and AUTH_JWKS_FILE are both set; the key set is to be found in one place: leave one of them out.')

  const tracing = tracingOf(env, mistakes)

  if (!parsed.success || mistakes.length > 0)
    throw new StartError(
      ['The configuration has to be put right first:', ...[...mistakes, ...warningsOf(env)].map((line) => `  - ${line}`)].join('\n'),
    )
  const settings = parsed.data
  const redisUrl = settings.REDIS_URL || `redis://${urlHost(settings.REDIS_HOST)}:${settings.REDIS_PORT}`
  return Object.freeze({
    host: settings.HOST,
    port: settings.PORT,
    publicUrl: settings.PUBLIC_URL,
    allowedOrigins: Object.freeze(settings.ALLOWED_ORIGINS),
    auth: authOf(settings),
    storageBackend: settings.MEMORY_STORAGE_BACKEND,
    redisUrl,
    redisTarget: Object.freeze({
      url: redisUrl,
      ...(settings.REDIS_SENTINELS.length > 0 && {
        sentinels: settings.REDIS_SENTINELS,
        sentinelName: settings.REDIS_SENTINEL_NAME,
        ...(settings.REDIS_SENTINEL_PASSWORD && { sentinelPassword: settings.REDIS_SENTINEL_PASSWORD }),
      }),
    }),
    dataDir: settings.DATA_DIR,
    localTimeZone: settings.LOCAL_TIME_ZONE,
    limits: Object.freeze({
      conversations: settings.RETAIN_CONVERSATIONS,
      conversationsDays: settings.RETAIN_CONVERSATIONS_DAYS,
      emotions: settings.RETAIN_EMOTIONS,
      emotionsDays: settings.RETAIN_EMOTIONS_DAYS,
      profileDays: settings.RETAIN_PROFILE_DAYS,
      alertsDays: settings.RETAIN_ALERTS_DAYS,
      triage: {
        escalateAfterMinutes: {
          MEDIUM: settings.ESCALATE_MEDIUM_MINUTES,
          HIGH: settings.ESCALATE_HIGH_MINUTES,
          IMMINENT: settings.ESCALATE_IMMINENT_MINUTES,
        },
        acknowledgedForMinutes: {
          MEDIUM: settings.ACKNOWLEDGED_MEDIUM_MINUTES,
          HIGH: settings.ACKNOWLEDGED_HIGH_MINUTES,
          IMMINENT: settings.ACKNOWLEDGED_IMMINENT_MINUTES,
        },
      },
    }),
    maxQueryCodePoints: settings.MAX_QUERY_CODE_POINTS,
    maxResponseCodePoints: settings.MAX_RESPONSE_CODE_POINTS,
    maxBodyBytes: settings.MAX_BODY_BYTES,
    requestTimeoutMs: settings.REQUEST_TIMEOUT_SECONDS * 1_000,
    maxConnections: settings.MAX_CONNECTIONS,
    maxConnectionsPerAddress: settings.MAX_CONNECTIONS_PER_ADDRESS,
    quotas: Object.freeze({
      perMinute: settings.RATE_LIMIT_PER_MINUTE,
      servicePerMinute: settings.RATE_LIMIT_SERVICE_PER_MINUTE,
      subscriptions: settings.MAX_SUBSCRIPTIONS_PER_TOKEN,
    }),
    trustedDocuments: Object.freeze({ mode: settings.TRUSTED_DOCUMENTS, documents }),
    introspection: Object.freeze(settings.INTROSPECTION_ROLES),
    vocabulary,
    staff,
    feedHeartbeatMs: settings.FEED_HEARTBEAT_SECONDS * 1_000,
    webhook: webhookOf(settings),
    tracing,
    logLevel: settings.LOG_LEVEL,
    shutdownTimeoutMs: 4_000,
    warnings: Object.freeze(warningsOf(env)),
  })
}

const authOf = (settings: z.output<typeof Settings>): AuthConfig =>
  Object.freeze({
    required: settings.AUTH === 'on',
    secret: settings.AUTH_JWT_SECRET ? new TextEncoder().encode(settings.AUTH_JWT_SECRET) : null,
    jwks: settings.AUTH_JWKS_URL
      ? new URL(settings.AUTH_JWKS_URL)
      : settings.AUTH_JWKS_FILE
        ? pathToFileURL(settings.AUTH_JWKS_FILE)
        : null,
    issuer: settings.AUTH_ISSUER || null,
    audience: settings.AUTH_AUDIENCE || null,
  })

const webhookOf = ({ ALERT_WEBHOOK_URL: url, ALERT_WEBHOOK_SECRET: secret }: z.output<typeof Settings>): Config['webhook'] =>
  url && secret ? Object.freeze({ url, secret }) : null

const urlHost = (host: string): string => (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host)

function warningsOf(env: Environment): string[] {
  const names = new Set(SETTINGS.map(({ name }) => name))
  const warnings = Object.keys(env).flatMap((name) => {
    const meant = names.has(name) ? undefined : SETTINGS.find((setting) => isNearly(name, setting.name))
    return meant ? [`${name} is set and means nothing here; ${meant.name} was probably meant.`] : []
  })
  const instead = env.REDIS_URL ? 'REDIS_URL' : env.REDIS_SENTINELS ? 'REDIS_SENTINELS' : null
  if (instead && (env.REDIS_HOST || env.REDIS_PORT))
    warnings.push(`${instead} is set, so REDIS_HOST and REDIS_PORT are ignored; leave out the one or the others.`)
  if (!env.REDIS_SENTINELS && (env.REDIS_SENTINEL_NAME || env.REDIS_SENTINEL_PASSWORD))
    warnings.push('REDIS_SENTINELS is not set, so what is said of sentinels besides is ignored; name them there, or leave it out.')
  return warnings
}

/** Another case, a prefix, or up to two letters off; short names such as HOST and PORT are too near to ordinary words for that. */
function isNearly(name: string, ours: string): boolean {
  const candidate = name.toUpperCase().replace(/^XINYI_/, '')
  return candidate === ours || (ours.length >= 8 && Math.abs(candidate.length - ours.length) <= 2 && distance(candidate, ours) <= 2)
}

const TopicName = z
  .string()
  .normalize('NFC')
  .trim()
  .min(1)
  .refine((name) => [...name].length <= 64, 'has more than 64 code points')
const Vocabulary = z
  .array(z.strictObject({ topic: TopicName, words: z.array(TopicName).max(200).default([]) }))
  .min(1)
  .max(1_000)
  .refine((rules) => new Set(rules.map(({ topic }) => topic)).size === rules.length, 'names a topic twice')

function readVocabulary(file: string): readonly TopicRule[] {
  const format = 'It has to hold JSON such as [{"topic": "sleep", "words": ["insomnia", "失眠"]}].'
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    if (error instanceof SyntaxError) throw new StartError(`${file} is not JSON. ${format}`)
    throw new StartError(`${file} can't be read. Give the path of a file that is there, or leave TOPICS_FILE out.`)
  }
  const parsed = Vocabulary.safeParse(json)
  if (!parsed.success) throw new StartError(`${file}: ${z.prettifyError(parsed.error).replaceAll('\n', ' ').slice(0, 500)}. ${format}`)
  return Object.freeze(parsed.data.map(({ topic, words }) => ({ topic, words: [...new Set([topic, ...words])] })))
}
