import { join } from 'node:path'
import * as z from 'zod'
import { about } from './about.ts'
import { count, days, host, integer, oneOf, redisUrl, sentinels, text } from './kinds.ts'
import { SOCKET_NAME } from './names.ts'

const LONGEST_SOCKET_PATH = 103

const dataDir = () =>
  z
    .string()
    .refine((dir) => Buffer.byteLength(join(dir, SOCKET_NAME)) <= LONGEST_SOCKET_PATH)
    .describe(`a directory with a shorter path: with /${SOCKET_NAME} it may have ${LONGEST_SOCKET_PATH} bytes`)

export const STORES = {
  MEMORY_STORAGE_BACKEND: oneOf(['redis', 'sqlite']).register(about, {
    default: 'redis',
    example: 'sqlite',
    description: '`redis`: [Redis, with SQLite standing in](storage.md) for it whenever it does not answer. `sqlite`: SQLite alone.',
  }),
  DATA_DIR: dataDir().register(about, {
    default: './data',
    example: '/var/lib/xinyi',
    description:
      'Directory of the SQLite database and journal, and of the socket that `xinyi` commands work through. Each server needs one of its own, on a local disk.',
  }),
  REDIS_URL: redisUrl().register(about, {
    default: '',
    example: 'redis://:password@redis.internal:6379/0',
    description:
      'The Redis to use: a `redis://` or `rediss://` URL, or the path of a socket. When empty, REDIS_HOST and REDIS_PORT say where it is.',
    secret: true,
  }),
  REDIS_HOST: host().register(about, {
    default: 'localhost',
    example: 'redis.internal',
    description: 'Host of the Redis to use.',
    secret: true,
  }),
  REDIS_PORT: integer(
    1,
    65_535,
    'a whole number from 1 to 65535 (where Kubernetes has set it for a service named redis, give the pod enableServiceLinks: false)',
  ).register(about, { default: '6379', example: '6380', description: 'Port of the Redis to use.' }),
  REDIS_SENTINELS: sentinels().register(about, {
    default: '',
    example: 'sentinel-1:26379,sentinel-2:26379,sentinel-3:26379',
    description:
      'The Redis Sentinels that know which Redis to use, as `host:port,host:port`. From REDIS_URL then come only user, password, database and TLS.',
    secret: true,
  }),
  REDIS_SENTINEL_NAME: z
    .string()
    .regex(/^[^\s]+$/)
    .describe('the name of a group of Redis servers, without spaces')
    .register(about, { default: 'mymaster', example: 'xinyi', description: 'Name that the Sentinels have for the Redis to use.' }),
  REDIS_SENTINEL_PASSWORD: text().register(about, {
    default: '',
    example: 'password',
    description: 'Password of the Sentinels themselves, where they ask for one.',
    secret: true,
  }),
}

export const RETENTION = {
  RETAIN_CONVERSATIONS: count().register(about, {
    default: '50',
    unit: 'conversations',
    example: '200',
    description: 'Conversations kept of each user; `0` for all.',
  }),
  RETAIN_CONVERSATIONS_DAYS: days().register(about, {
    default: '30',
    unit: 'days',
    example: '90',
    description: 'Days that a conversation is kept; `0` for ever.',
  }),
  RETAIN_EMOTIONS: count().register(about, {
    default: '200',
    unit: 'points',
    example: '1000',
    description: 'Emotion points kept of each user; `0` for all.',
  }),
  RETAIN_EMOTIONS_DAYS: days().register(about, {
    default: '90',
    unit: 'days',
    example: '365',
    description: 'Days that an emotion point is kept; `0` for ever.',
  }),
  RETAIN_PROFILE_DAYS: days().register(about, {
    default: '365',
    unit: 'days',
    example: '730',
    description: 'Days after the last activity that a user is kept, topics included; `0` for ever.',
  }),
  RETAIN_ALERTS_DAYS: days().register(about, {
    default: '1095',
    unit: 'days',
    example: '0',
    description:
      'Days that an alert is kept after it was resolved, with its history; `0` for ever. Holds for those that are resolved from then on.',
  }),
}
