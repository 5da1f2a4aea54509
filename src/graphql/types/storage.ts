import type { Overview as Figures } from '../../model.ts'
import type { StoreStatus } from '../../store/store.ts'
import { builder } from '../builder.ts'
import { StorageBackend, StorageMode } from './enums.ts'

const RedisStatus = builder.objectRef<NonNullable<StoreStatus['redis']>>('RedisStatus').implement({
  description: 'How Redis is doing.',
  fields: (t) => ({
    reachable: t.exposeBoolean('reachable', { description: 'Whether it answers.' }),
    version: t.exposeString('version', { nullable: true, description: 'Its version, such as 7.0.15; null while it is not known.' }),
    latencyMs: t.exposeFloat('latencyMs', {
      nullable: true,
      description: 'Time of the latest round trip, in milliseconds; null while it is not known.',
    }),
    usedMemoryBytes: t.exposeFloat('usedMemoryBytes', {
      nullable: true,
      description: 'Memory that it uses, in bytes; null while it is not known.',
    }),
    connections: t.exposeInt('connections', { description: 'Connections that this instance holds to it.' }),
    lastError: t.exposeString('lastError', { nullable: true, description: 'What went wrong last, in short; null when nothing did.' }),
  }),
})

const Reconciliation = builder
  .objectRef<{
    startedAt: number
    finishedAt: number | null
    pushed: number
    pulled: number
    repaired: number
    inAgreement: boolean | null
  }>('Reconciliation')
  .implement({
    description: 'Bringing Redis and SQLite together again after they were apart.',
    fields: (t) => ({
      startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When it began.' }),
      finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true, description: 'When it ended; null while it goes on.' }),
      pushed: t.exposeInt('pushed', { description: 'Writes sent to Redis.' }),
      pulled: t.exposeInt('pulled', { description: 'Users fetched from Redis.' }),
      repaired: t.exposeInt('repaired', { description: 'Users found to differ and put right.' }),
      inAgreement: t.exposeBoolean('inAgreement', {
        nullable: true,
        description: 'Whether both held the same at the end; null while that is not known.',
      }),
    }),
  })

const StorageStatus = builder.objectRef<object>('StorageStatus').implement({
  description: 'Where the data is, and how its stores are doing.',
  fields: (t) => ({
    backend: t.field({
      type: StorageBackend,
      description: 'Which store answers reads now.',
      resolve: (_, _args, { services }) => services.store.backend,
    }),
    mode: t.field({
      type: StorageMode,
      description: 'How the stores work together now.',
      resolve: (_, _args, { services }) => (services.store.backend === 'REDIS' ? 'PRIMARY' : 'EMBEDDED'),
    }),
    since: t.field({ type: 'DateTime', description: 'Since when it has been in this mode.', resolve: (_, _args, { since }) => since }),
    redis: t.field({
      type: RedisStatus,
      nullable: true,
      description: 'How Redis is doing; null when EMBEDDED.',
      resolve: async (_, _args, { services }) => (await services.store.status()).redis,
    }),
    pendingWrites: t.int({ description: 'Writes that were acknowledged and are not in Redis yet; 0 when EMBEDDED.', resolve: () => 0 }),
    reconciliation: t.field({
      type: Reconciliation,
      nullable: true,
      description: 'The latest time that the stores were brought together; null before the first.',
      resolve: () => null,
    }),
  }),
})

const Overview = builder.objectRef<Figures>('Overview').implement({
  description: 'All users at a glance.',
  fields: (t) => ({
    users: t.exposeInt('users', { description: 'How many there are.' }),
    activeUsers: t.exposeInt('activeUsers', { description: 'How many were active within the last 24 h.' }),
    openAlerts: t.exposeInt('openAlerts', { description: 'How many alerts are OPEN: neither acknowledged nor resolved.' }),
    unassignedHigh: t.exposeInt('unassignedHigh', { description: 'How many unresolved alerts are HIGH or above with nobody assigned.' }),
    oldestOpenAgeSeconds: t.int({
      nullable: true,
      description: 'How long ago the oldest OPEN alert was raised, in whole seconds; null when there is none.',
      resolve: ({ oldestOpenRaisedAt: raisedAt }, _, { services }) =>
        raisedAt === null ? null : Math.max(0, Math.floor((services.clock() - raisedAt) / 1000)),
    }),
  }),
})

builder.queryFields((t) => ({
  overview: t.field({ type: Overview, description: 'All users at a glance.', resolve: (_, _args, { load }) => load({ kind: 'overview' }) }),
  storage: t.field({ type: StorageStatus, description: 'Where the data is, and how its stores are doing.', resolve: () => ({}) }),
}))
