import { join } from 'node:path'
import * as z from 'zod'
import {
  codePoints,
  count,
  days,
  host,
  integer,
  jwksUrl,
  lease,
  oneOf,
  origins,
  publicUrl,
  redisUrl,
  roles,
  sentinels,
  steps,
  timeZone,
  tokenSecret,
  webhookSecret,
  webhookUrl,
} from './setting-kinds.ts'

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
  REQUEST_TIMEOUT_SECONDS: integer(1, 3_600).register(about, {
    default: '60',
    description: 'How long a client may take to send a request; one that takes nothing of an answer for twice as long is cut off.',
  }),
  MAX_CONNECTIONS: count().register(about, {
    default: '10000',
    description: 'Connections over the network at a time, WebSockets and event streams included; `0` for any number.',
  }),
  MAX_CONNECTIONS_PER_ADDRESS: count().register(about, {
    default: '2000',
    description: 'The same from one address (or /64 of IPv6). Behind a proxy all come from one.',
  }),
  RATE_LIMIT_PER_MINUTE: count().register(about, {
    default: '1200',
    description: 'Requests a minute of one token of a person, at once or spread; `0` for any number.',
  }),
  RATE_LIMIT_SERVICE_PER_MINUTE: count().register(about, {
    default: '0',
    description: 'The same of one token with the role SERVICE: what is not recorded is lost, so there is no limit unless one is set.',
  }),
  MAX_SUBSCRIPTIONS_PER_TOKEN: count().register(about, {
    default: '100',
    description: 'Subscriptions of one token that run at a time; `0` for any number.',
  }),
  TRUSTED_DOCUMENTS: oneOf(['off', 'allow', 'only']).register(about, {
    default: 'allow',
    description:
      'Whether [known documents](docs/security.md#trusted-documents) can be asked for by id: not, as well as others, or nothing else.',
  }),
  TRUSTED_DOCUMENTS_FILE: z.string().register(about, {
    default: '',
    description: 'Manifest of known documents, beside those in `schema/operations`: a JSON object of texts by id.',
  }),
  INTROSPECTION_ROLES: roles().register(about, {
    default: 'SERVICE,COUNSELOR,SUPERVISOR,ADMIN',
    description: 'Roles that are told the schema, as GraphiQL needs it, separated by commas; or `none`.',
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
