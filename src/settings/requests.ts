import { about } from './about.ts'
import { codePoints, count, file, integer, oneOf, roles, timeZone } from './kinds.ts'

export const CONVERSATIONS = {
  LOCAL_TIME_ZONE: timeZone().register(about, {
    default: 'Asia/Shanghai',
    example: 'Europe/Berlin',
    description:
      'Time zone of the dates in prompts and in anonymous ids, of the times that the predecessor reads in Redis, and of imported times that name none.',
  }),
  TOPICS_FILE: file().register(about, {
    default: '',
    example: '/etc/xinyi/topics.json',
    description: 'JSON file that replaces the [topic vocabulary](topics.md).',
  }),
  MAX_QUERY_CODE_POINTS: codePoints().register(about, {
    default: '16000',
    unit: 'code points',
    example: '4000',
    description: 'Longest query in code points; a longer one is refused, never cut.',
  }),
  MAX_RESPONSE_CODE_POINTS: codePoints().register(about, {
    default: '16000',
    unit: 'code points',
    example: '8000',
    description: 'Longest response in code points; a longer one is refused, never cut.',
  }),
}

export const LIMITS = {
  MAX_BODY_BYTES: integer(1_024, 1_073_741_824).register(about, {
    default: '8454144',
    unit: 'bytes',
    example: '1048576',
    description: 'Largest body of an HTTP request, in bytes (8 MiB and 64 KiB).',
  }),
  REQUEST_TIMEOUT_SECONDS: integer(1, 3_600).register(about, {
    default: '60',
    unit: 'seconds',
    example: '30',
    description: 'How long a client may take to send a request; one that takes nothing of an answer for twice as long is cut off.',
  }),
  MAX_CONNECTIONS: count().register(about, {
    default: '10000',
    unit: 'connections',
    example: '20000',
    description: 'Connections over the network at a time, WebSockets and event streams included; `0` for any number.',
  }),
  MAX_CONNECTIONS_PER_ADDRESS: count().register(about, {
    default: '2000',
    unit: 'connections',
    example: '0',
    description: 'The same from one address (or /64 of IPv6). Behind a proxy all come from one.',
  }),
  RATE_LIMIT_PER_MINUTE: count().register(about, {
    default: '1200',
    unit: 'requests a minute',
    example: '600',
    description: 'Requests a minute of one token of a person, at once or spread; `0` for any number.',
  }),
  RATE_LIMIT_SERVICE_PER_MINUTE: count().register(about, {
    default: '0',
    unit: 'requests a minute',
    example: '60000',
    description: 'The same of one token with the role SERVICE: what is not recorded is lost, so there is no limit unless one is set.',
  }),
  MAX_SUBSCRIPTIONS_PER_TOKEN: count().register(about, {
    default: '100',
    unit: 'subscriptions',
    example: '20',
    description: 'Subscriptions of one token that run at a time; `0` for any number.',
  }),
  TRUSTED_DOCUMENTS: oneOf(['off', 'allow', 'only']).register(about, {
    default: 'allow',
    example: 'only',
    description:
      'Whether [known documents](security.md#trusted-documents) can be asked for by id: not, as well as others, or nothing else.',
  }),
  TRUSTED_DOCUMENTS_FILE: file().register(about, {
    default: '',
    example: '/etc/xinyi/documents.json',
    description: 'Manifest of known documents, beside those in `schema/operations`: a JSON object of texts by id.',
  }),
  INTROSPECTION_ROLES: roles().register(about, {
    default: 'SERVICE,COUNSELOR,SUPERVISOR,ADMIN',
    example: 'ADMIN',
    description: 'Roles that are told the schema, as GraphiQL needs it, separated by commas; or `none`.',
  }),
}

export const LOG = {
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent']).register(about, {
    default: 'info',
    example: 'debug',
    description: 'Least severe log line to write: `trace`, `debug`, `info`, `warn`, `error` or `silent`.',
  }),
}
