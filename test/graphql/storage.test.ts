import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { PinStorageDocument, StorageDocument, StorageNewsDocument } from '../../src/gql/graphql.ts'
import { inAgreement, inCharge, newDataFile, openInstance, until } from '../helpers/joined.ts'
import { startRedis } from '../helpers/redis.ts'
import { sqliteStore } from '../helpers/stores.ts'
import { RECORD, serve, serveStore } from './serve.ts'

const input = { userId: 'ada', query: 'q', response: 'r', riskLevel: 'LOW' } as const

async function joined() {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const { store } = await openInstance({ url: redis.url })
  await until(store, inCharge)
  return { redis, store, ...(await serveStore(store)) }
}

test('while Redis serves, writes are in both stores and every answer says that it is from Redis', async () => {
  const { ask, run } = await joined()
  const recorded = await run(RECORD, { input })
  expect(recorded).toMatchObject({
    data: { recordConversation: { durability: 'BOTH' } },
    extensions: { storage: { served: 'REDIS', pendingWrites: 0 } },
  })
  expect((await run('{ overview { users } }')).extensions.storage).toEqual({ served: 'REDIS', pendingWrites: 0 })
  expect((await run('{ __typename }')).extensions.storage).toEqual({ served: 'REDIS', pendingWrites: 0 })
  expect((await ask(StorageDocument, {})).storage).toMatchObject({
    backend: 'REDIS',
    mode: 'PRIMARY',
    pinned: false,
    pendingWrites: 0,
    redis: { reachable: true, version: expect.stringMatching(/^\d/) },
  })
})

test('while it is pinned to SQLite, writes are in the journal and every answer says so; back in auto, Redis has them', async () => {
  const { ask, run, store } = await joined()
  const { pinStorage } = await ask(PinStorageDocument, { to: 'SQLITE' })
  expect(pinStorage).toMatchObject({ backend: 'SQLITE', mode: 'FALLBACK', pinned: true })
  expect(Date.parse(pinStorage.since)).toBeGreaterThan(0)
  expect(await run(RECORD, { input })).toMatchObject({
    data: { recordConversation: { durability: 'JOURNAL', user: { totalChats: 1 } } },
    extensions: { storage: { served: 'SQLITE', pendingWrites: 1 } },
  })
  const batch = await run(
    'mutation ($input: [RecordConversationInput!]!) { recordConversations(input: $input) { durability user { totalChats } } }',
    { input: [input, input] },
  )
  expect(batch).toMatchObject({
    data: { recordConversations: [{ durability: 'JOURNAL' }, { durability: 'JOURNAL', user: { totalChats: 3 } }] },
    extensions: { storage: { served: 'SQLITE', pendingWrites: 3 } },
  })
  expect((await run('mutation { clearHistory(userId: "ada") { removedConversations } }')).extensions.storage).toEqual({
    served: 'SQLITE',
    pendingWrites: 4,
  })
  expect(await ask(PinStorageDocument, { to: 'AUTO' })).toMatchObject({ pinStorage: { pinned: false } })
  await until(store, inAgreement)
  const { data, extensions } = await run(StorageDocument, {})
  expect(data?.storage).toMatchObject({
    backend: 'REDIS',
    mode: 'PRIMARY',
    pendingWrites: 0,
    reconciliation: { pushed: 4, inAgreement: true, finishedAt: expect.any(String) },
  })
  expect(extensions.storage).toEqual({ served: 'REDIS', pendingWrites: 0 })
})

test('an answer of which any part is from SQLite says SQLITE', async () => {
  const { store } = await joined()
  const { run } = await serveStore(store, {
    async read(requests, now, view) {
      const { answers, served } = await store.read(requests, now, view)
      return { answers, served: requests.some(({ kind }) => kind === 'conversations') ? 'SQLITE' : served }
    },
  })
  await run(RECORD, { input })
  expect((await run('{ user(userId: "ada") { id } }')).extensions.storage.served).toBe('REDIS')
  expect((await run('{ user(userId: "ada") { conversations { edges { node { id } } } } }')).extensions.storage.served).toBe('SQLITE')
})

test('where SQLite is the only store, there is nothing to pin', async () => {
  const { run } = await serve(sqliteStore)
  expect((await run(PinStorageDocument, { to: 'SQLITE' })).errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'to' } }])
  expect((await run(RECORD, { input })).data?.recordConversation.durability).toBe('JOURNAL')
})

test('storageStatus tells the present, then every change; several while nobody reads are one', async () => {
  const { listen, store } = await joined()
  const news = await listen(StorageNewsDocument, {})
  const next = async () => (await news.next()).value.data.storageStatus
  expect(await next()).toMatchObject({ mode: 'PRIMARY', backend: 'REDIS', pinned: false })
  const change = next()
  await store.pin('sqlite')
  let status = await change
  while (status.mode !== 'FALLBACK') status = await next()
  expect(status).toMatchObject({ mode: 'FALLBACK', backend: 'SQLITE', pinned: true })
  await store.pin('auto')
  await until(store, inAgreement)
  while (status.mode !== 'PRIMARY') status = await next()
  expect(status).toMatchObject({ backend: 'REDIS', pinned: false })
  await news.return?.()
})

test('storageStatus ends when its listener leaves, also while nothing changes', async () => {
  const { listen } = await serve(sqliteStore)
  const news = await listen(StorageNewsDocument, {})
  await news.next()
  const waiting = news.next()
  await news.return?.()
  expect(await waiting).toMatchObject({ done: true })
})

test('a start without Redis serves from SQLite at once, and joins when Redis comes', async () => {
  const path = newDataFile()
  const redis = await startRedis({ keepDir: true })
  onTestFinished(redis.remove)
  await redis.stop()
  const { store } = await openInstance({ url: join(redis.dir, 'redis.sock'), path })
  const { ask, run } = await serveStore(store)
  expect((await ask(RECORD, { input })).recordConversation.durability).toBe('JOURNAL')
  expect((await ask(StorageDocument, {})).storage).toMatchObject({ mode: 'FALLBACK', pinned: false, redis: { reachable: false } })
  await redis.restart()
  await until(store, inAgreement)
  expect(await run(RECORD, { input })).toMatchObject({
    data: { recordConversation: { durability: 'BOTH', user: { totalChats: 2 } } },
    extensions: { storage: { served: 'REDIS', pendingWrites: 0 } },
  })
})
