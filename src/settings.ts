import { join } from 'node:path'
import * as z from 'zod'
import { isTimeZone } from './local-time.ts'

/** What is told about a setting besides its schema, whose own description completes "it has to be …". */
interface About {
  /** As one would write it in the environment; '' where leaving it out has a meaning of its own. */
  readonly default: string
  readonly description: string
  /** Its value is never printed. */
  readonly secret?: boolean
}

export const about = z.registry<About>()

const LONGEST_SOCKET_PATH = 103
export const SOCKET_NAME = 'xinyi.sock'
export const DATABASE_NAME = 'xinyi.db'
/** Who did, or was shown, what of whom; and how far it goes. */
export const AUDIT_NAME = 'audit.db'
export const AUDIT_HEAD_NAME = 'audit.head'
/** What the webhook has been told. */
export const WEBHOOK_NAME = 'webhook.json'
/** The secret that this server signs tokens with where none is configured. */
export const SECRET_NAME = 'token.key'

const host = () =>
  z
    .string()
    .regex(/^[^\s/@?#]+$/)
    .describe('the name or address of a host (what belongs into a URL goes into REDIS_URL)')
const integer = (min: number, max: number, expected = `a whole number from ${min} to ${max}`) =>
  z
    .string()
    .regex(/^\d{1,12}$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .describe(expected)
const oneOf = <const T extends readonly string[]>(values: T) =>
  z
    .string()
    .toLowerCase()
    .pipe(z.enum(values))
    .describe(`one of ${values.join(', ')}`)
const count = () => integer(0, 1_000_000)
const days = () => integer(0, 36_500)
const codePoints = () => integer(1, 1_000_000)

const lease = () => integer(1, 100_000)
const MAX_STEPS = 10
const steps = () =>
  z
    .string()
    .regex(/^(never|\d{1,6}(\s*,\s*\d{1,6})*)$/)
    .transform((list) => (list === 'never' ? [] : list.split(',').map(Number)))
    .refine((minutes) => minutes.length <= MAX_STEPS && minutes.every((each, i) => i === 0 || each > (minutes[i - 1] ?? 0)))
    .describe(`up to ${MAX_STEPS} whole numbers of minutes, each greater than the one before, such as 5,15,30; or never`)

const timeZone = () => z.string().refine(isTimeZone).describe('the IANA name of a time zone, such as Asia/Shanghai or Europe/Berlin')

const isRedisUrl = (url: string): boolean =>
  url.startsWith('/') || (URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol) && new URL(url).hostname !== '')
const redisUrl = () =>
  z
    .string()
    .refine((url) => url === '' || isRedisUrl(url))
    .describe('redis://[user:password@]host[:port][/db], the same with rediss:// for TLS, or the absolute path of a socket')

const webhookUrl = () =>
  z
    .string()
    .refine((url) => url === '' || (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)))
    .describe('an http:// or https:// URL')
const webhookSecret = () =>
  z
    .string()
    .regex(/^(whsec_[A-Za-z0-9+/]{32,88}={0,2})?$/)
    .transform((text) => (text === '' ? null : Buffer.from(text.slice('whsec_'.length), 'base64')))
    .describe('whsec_ and 24 to 64 bytes in base64, such as `echo whsec_$(openssl rand -base64 32)` prints')

const SHORTEST_SECRET_BYTES = 32
const tokenSecret = () =>
  z
    .string()
    .refine((secret) => secret === '' || Buffer.byteLength(secret) >= SHORTEST_SECRET_BYTES)
    .describe(`a text of ${SHORTEST_SECRET_BYTES} bytes or more, such as \`openssl rand -base64 32\` prints`)
const jwksUrl = () =>
  z
    .string()
    .refine((url) => url === '' || (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)))
    .describe('an https:// URL')

const SENTINEL = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s/@?#:[\]]+)):(\d{1,5})$/
const sentinels = () =>
  z
    .string()
    .transform((list, { issues }) =>
      list === ''
        ? []
        : list.split(',').map((each) => {
            const [, bracketed, host = bracketed ?? '', port] = SENTINEL.exec(each.trim()) ?? []
            if (port === undefined || Number(port) < 1 || Number(port) > 65_535)
              issues.push({ code: 'custom', input: list, message: 'not host:port' })
            return { host, port: Number(port) }
          }),
    )
    .describe('a list of host:port, separated by commas, such as sentinel-1:26379,sentinel-2:26379,sentinel-3:26379')

const isOrigin = (text: string): boolean => /^https?:$/.test(URL.parse(text)?.protocol ?? '') && URL.parse(text)?.origin === text
const origins = () =>
  z
    .string()
    .transform((list) => (list === '' ? [] : list.split(',').map((each) => each.trim().replace(/\/$/, ''))))
    .refine((list) => list.every(isOrigin))
    .describe('a list of origins, separated by commas, such as https://dashboard.example,http://localhost:3000')
const publicUrl = () =>
  z
    .string()
    .transform((url) => url.replace(/\/$/, ''))
    .refine((url) => url === '' || isOrigin(url))
    .describe('http:// or https://, a host, and a port where it is another than usual; no path')

const dataDir = () =>
  z
    .string()
    .refine((dir) => Buffer.byteLength(join(dir, SOCKET_NAME)) <= LONGEST_SOCKET_PATH)
    .describe(`a directory with a shorter path: with /${SOCKET_NAME} it may have ${LONGEST_SOCKET_PATH} bytes`)

/** Every environment variable that means something here, in the order of the README's table. */
export const Settings = z.object({
  HOST: z
    .string()
    .regex(/^[^\s/@?#]+$/)
    .describe('the name or an address of this machine')
    .register(about, { default: '127.0.0.1', description: 'Address to listen on; `0.0.0.0` for all of the machine.' }),
  PORT: integer(0, 65_535).register(about, { default: '8001', description: 'Port to listen on; `0` takes a free one.' }),
  PUBLIC_URL: publicUrl().register(about, {
    default: '',
    description:
      'What browsers call this server, where a proxy leads here, such as `https://xinyi.example`. With https it tells them to come by TLS only.',
  }),
  ALLOWED_ORIGINS: origins().register(about, {
    default: '',
    description: 'Origins [whose pages may use the API](docs/security.md#pages-of-other-sites), separated by commas; its own always may.',
  }),
  AUTH: oneOf(['on', 'off']).register(about, {
    default: 'on',
    description:
      '`on`: whoever asks has to [show a token](docs/security.md). `off`: whoever asks from this machine may do everything; only with a HOST of this machine alone.',
  }),
  AUTH_JWT_SECRET: tokenSecret().register(about, {
    default: '',
    description:
      'Secret of tokens that are signed with HS256, 32 bytes or more. Where neither it nor a key set is given, the server makes one of its own in DATA_DIR.',
    secret: true,
  }),
  AUTH_JWKS_URL: jwksUrl().register(about, {
    default: '',
    description: 'Where the public keys are (a JSON Web Key Set) of tokens that an identity provider signs with RS, PS, ES or EdDSA.',
    secret: true,
  }),
  AUTH_JWKS_FILE: z.string().register(about, { default: '', description: 'The same key set as a file, instead of the URL.' }),
  AUTH_ISSUER: z.string().register(about, { default: '', description: 'The `iss` that tokens must have; when empty, any or none.' }),
  AUTH_AUDIENCE: z.string().register(about, { default: '', description: 'The `aud` that tokens must have; when empty, any or none.' }),
  MEMORY_STORAGE_BACKEND: oneOf(['redis', 'sqlite']).register(about, {
    default: 'redis',
    description:
      '`redis`: [Redis, with SQLite standing in](docs/configuration.md#redis-and-sqlite) for it whenever it does not answer. `sqlite`: SQLite alone.',
  }),
  REDIS_URL: redisUrl().register(about, {
    default: '',
    description: 'The Redis to use: a `redis://` or `rediss://` URL, or the path of a socket. When empty, the next two say where it is.',
    secret: true,
  }),
  REDIS_HOST: host().register(about, { default: 'localhost', description: 'Host of the Redis to use.', secret: true }),
  REDIS_PORT: integer(
    1,
    65_535,
    'a whole number from 1 to 65535 (where Kubernetes has set it for a service named redis, give the pod enableServiceLinks: false)',
  ).register(about, { default: '6379', description: 'Port of the Redis to use.' }),
  REDIS_SENTINELS: sentinels().register(about, {
    default: '',
    description:
      'The Redis Sentinels that know which Redis to use, as `host:port,host:port`. From REDIS_URL then come only user, password, database and TLS.',
    secret: true,
  }),
  REDIS_SENTINEL_NAME: z
    .string()
    .regex(/^[^\s]+$/)
    .describe('the name of a group of Redis servers, without spaces')
    .register(about, { default: 'mymaster', description: 'Name that the Sentinels have for the Redis to use.' }),
  REDIS_SENTINEL_PASSWORD: z.string().describe('any text').register(about, {
    default: '',
    description: 'Password of the Sentinels themselves, where they ask for one.',
    secret: true,
  }),
  DATA_DIR: dataDir().register(about, {
    default: './data',
    description:
      'Directory of the SQLite database and journal, and of the socket that `xinyi` commands work through. Each server needs one of its own, on a local disk.',
  }),
  LOCAL_TIME_ZONE: timeZone().register(about, {
    default: 'Asia/Shanghai',
    description:
      'Time zone of the dates in prompts and in anonymous ids, of the times that the predecessor reads in Redis, and of imported times that name none.',
  }),
  RETAIN_CONVERSATIONS: count().register(about, { default: '50', description: 'Conversations kept of each user; `0` for all.' }),
  RETAIN_CONVERSATIONS_DAYS: days().register(about, { default: '30', description: 'Days that a conversation is kept; `0` for ever.' }),
  RETAIN_EMOTIONS: count().register(about, { default: '200', description: 'Emotion points kept of each user; `0` for all.' }),
  RETAIN_EMOTIONS_DAYS: days().register(about, { default: '90', description: 'Days that an emotion point is kept; `0` for ever.' }),
  RETAIN_PROFILE_DAYS: days().register(about, {
    default: '365',
    description: 'Days after the last activity that a user is kept, topics included; `0` for ever.',
  }),
  RETAIN_ALERTS_DAYS: days().register(about, {
    default: '1095',
    description:
      'Days that an alert is kept after it was resolved, with its history; `0` for ever. Holds for those that are resolved from then on.',
  }),
  ESCALATE_IMMINENT_MINUTES: steps().register(about, {
    default: '0,2,5',
    description: 'When an IMMINENT alert that nobody acknowledges is escalated, in minutes from when it began to wait; or `never`.',
  }),
  ESCALATE_HIGH_MINUTES: steps().register(about, { default: '5,15,30', description: 'The same for HIGH.' }),
  ESCALATE_MEDIUM_MINUTES: steps().register(about, { default: '60,240', description: 'The same for MEDIUM.' }),
  ACKNOWLEDGED_IMMINENT_MINUTES: lease().register(about, {
    default: '10',
    description: 'Minutes that an acknowledgement of an IMMINENT alert holds if it is not renewed.',
  }),
  ACKNOWLEDGED_HIGH_MINUTES: lease().register(about, { default: '30', description: 'The same for HIGH.' }),
  ACKNOWLEDGED_MEDIUM_MINUTES: lease().register(about, { default: '240', description: 'The same for MEDIUM.' }),
  MAX_QUERY_CODE_POINTS: codePoints().register(about, {
    default: '16000',
    description: 'Longest query in code points; a longer one is refused, never cut.',
  }),
  MAX_RESPONSE_CODE_POINTS: codePoints().register(about, {
    default: '16000',
    description: 'Longest response in code points; a longer one is refused, never cut.',
  }),
  MAX_BODY_BYTES: integer(1_024, 1_073_741_824).register(about, {
    default: '8454144',
    description: 'Largest body of an HTTP request, in bytes (8 MiB and 64 KiB).',
  }),
  TOPICS_FILE: z.string().register(about, {
    default: '',
    description: 'JSON file that replaces the [topic vocabulary](docs/configuration.md#topics).',
  }),
  STAFF_FILE: z.string().register(about, {
    default: '',
    description: 'JSON file that lists [who works here](docs/configuration.md#staff): whom escalations tell, and when they are on duty.',
  }),
  FEED_HEARTBEAT_SECONDS: integer(1, 3_600).register(about, {
    default: '15',
    description: 'How often a subscriber of alerts to whom nothing happens is told its present cursor.',
  }),
  ALERT_WEBHOOK_URL: webhookUrl().register(about, {
    default: '',
    description: 'Where each alert event is posted, [signed and without texts](docs/configuration.md#webhook). At one server only.',
    secret: true,
  }),
  ALERT_WEBHOOK_SECRET: webhookSecret().register(about, {
    default: '',
    description: 'Key of its signature, as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in base64.',
    secret: true,
  }),
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent']).register(about, {
    default: 'info',
    description: 'Least severe log line to write: `trace`, `debug`, `info`, `warn`, `error` or `silent`.',
  }),
})

export const SETTINGS: readonly ({ readonly name: string; readonly expected: string } & About)[] = Object.entries(Settings.shape).map(
  ([name, schema]) => ({ name, expected: schema.description ?? '', ...(about.get(schema) ?? { default: '', description: '' }) }),
)
