import type { Overview as Figures } from '../../model.ts'
import { takeSnapshot } from '../../services/snapshot.ts'
import { orFailure, streamOf } from '../../services/stream.ts'
import type { Store, StoreStatus, SweepReport } from '../../store/store.ts'
import { builder } from '../builder.ts'
import { ADMIN, FIGURES } from '../roles.ts'
import { PINS, StorageBackend, StorageMode, StoragePin } from './enums.ts'

const RedisStatus = builder.objectRef<NonNullable<StoreStatus['redis']>>('RedisStatus').implement({
  authScopes: ADMIN,
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

const Reconciliation = builder.objectRef<NonNullable<StoreStatus['reconciliation']>>('Reconciliation').implement({
  authScopes: ADMIN,
  description: 'Bringing Redis and SQLite together again after they were apart.',
  fields: (t) => ({
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When it began.' }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true, description: 'When it ended; null while it goes on.' }),
    pushed: t.exposeInt('pushed', { description: 'Writes sent to Redis.' }),
    pulled: t.exposeInt('pulled', { description: 'Users fetched from Redis.' }),
    repaired: t.exposeInt('repaired', { description: 'Users found to differ and put right.' }),
    inAgreement: t.exposeBoolean('inAgreement', {
      nullable: true,
      description:
        'Whether everybody was found the same in both stores; null until all have been compared since they were brought together.',
    }),
  }),
})

const StorageStatus = builder.objectRef<StoreStatus>('StorageStatus').implement({
  authScopes: ADMIN,
  description: 'Where the data is, and how its stores are doing.',
  fields: (t) => ({
    backend: t.expose('backend', { type: StorageBackend, description: 'Which store answers reads now.' }),
    mode: t.expose('mode', { type: StorageMode, description: 'How the stores work together now.' }),
    since: t.expose('since', { type: 'DateTime', description: 'Since when it has been in this mode.' }),
    pinned: t.exposeBoolean('pinned', { description: 'Whether `pinStorage` has moved it off Redis, so that it stays in FALLBACK.' }),
    complete: t.exposeBoolean('complete', {
      description:
        'Whether the store that answers reads has every user. A new server has not, away from Redis, before it has taken over all of them once.',
    }),
    redis: t.expose('redis', { type: RedisStatus, nullable: true, description: 'How Redis is doing; null when EMBEDDED.' }),
    pendingWrites: t.exposeInt('pendingWrites', {
      description: 'Writes that were acknowledged and are not in Redis yet; 0 when EMBEDDED.',
    }),
    writeError: t.exposeString('writeError', {
      nullable: true,
      description:
        'Why the disk did not take what was last to be recorded, in a word such as SQLITE_FULL or FILE_GONE: recordings are refused until it does. Null where it took it.',
    }),
    reconciliation: t.expose('reconciliation', {
      type: Reconciliation,
      nullable: true,
      description: 'The latest time that the stores were brought together; null before the first.',
    }),
  }),
})

const Overview = builder.objectRef<Figures>('Overview').implement({
  authScopes: FIGURES,
  description: 'Everybody whom the caller may see, at a glance; for an admin, everybody.',
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
  overview: t.field({
    authScopes: FIGURES,
    type: Overview,
    description: 'Everybody whom the caller may see, at a glance; for an admin, everybody.',
    resolve: (_, _args, { load }) => load({ kind: 'overview' }),
  }),
  storage: t.field({
    authScopes: ADMIN,
    type: StorageStatus,
    description: 'Where the data is, and how its stores are doing.',
    resolve: (_, _args, { services }) => services.store.status(),
  }),
}))

builder.mutationField('pinStorage', (t) =>
  t.field({
    authScopes: ADMIN,
    type: StorageStatus,
    description:
      'Moves this instance off Redis, for its maintenance, or lets it go back. Nobody notices but by `storage`; the answer is the status after it. BAD_USER_INPUT where SQLite is the only store.',
    args: { to: t.arg({ type: StoragePin, required: true, description: 'Where to.' }) },
    resolve: async (_, { to }, { services: { store } }) => {
      await store.pin(PINS[to])
      return store.status()
    },
  }),
)

builder.mutationField('snapshotStorage', (t) =>
  t.string({
    authScopes: ADMIN,
    description:
      'Copies the SQLite store of this instance, as it is at one moment, into a new file in its data directory, and answers the name of the file: for `npx xinyi backup`, which takes it away; one that is left there goes after some hours.',
    resolve: (_, _args, { services: { store, config } }) => takeSnapshot(store, config.dataDir),
  }),
)

const Compaction = builder.objectRef<SweepReport>('Compaction').implement({
  authScopes: ADMIN,
  description: 'What was removed before room was given back.',
  fields: (t) => ({
    removedItems: t.exposeInt('removedItems', { description: 'Conversations and emotion points that had expired.' }),
    removedLogEntries: t.exposeInt('removedLogEntries', { description: 'Entries of the log older than 30 days.' }),
  }),
})

builder.mutationField('compactStorage', (t) =>
  t.field({
    authScopes: ADMIN,
    type: Compaction,
    description:
      'Removes what has expired, and gives the room that nothing needs any more back to the disk and to the memory of Redis. BAD_USER_INPUT where recordings would have to wait for long, unless they may; what has expired is removed all the same.',
    args: {
      mayHoldUp: t.arg.boolean({
        required: true,
        defaultValue: false,
        description: 'Whether recordings may have to wait, some 5 s a GiB.',
      }),
    },
    resolve: (_, { mayHoldUp }, { services: { history } }) => history.compact(mayHoldUp),
  }),
)

/** The status now, and again whenever it has changed; several changes while nobody reads count as one. A failure is the last item. */
function statuses(store: Store): AsyncIterableIterator<StoreStatus | Error> {
  const left = new AbortController()
  let changed = Promise.resolve()
  const next = async (): Promise<{ value: StoreStatus }> => {
    await changed
    // Begun before the look at the present, so that no change falls between the two.
    changed = store.statusChanged(left.signal)
    changed.catch(() => {})
    return { value: await store.status() }
  }
  return streamOf(orFailure(next), () => left.abort())
}

builder.subscriptionField('storageStatus', (t) =>
  t.field({
    authScopes: ADMIN,
    type: StorageStatus,
    description:
      'Where the data is, and how its stores are doing: first as it is, then at every change of mode, of Redis or of the reconciliation.',
    subscribe: (_, _args, { services }) => statuses(services.store),
    resolve: (status) => {
      if (status instanceof Error) throw status
      return status
    },
  }),
)
