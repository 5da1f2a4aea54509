import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { PersonDocument, UsersDocument } from '../../src/gql/graphql.ts'
import { openRedisStore } from '../../src/store/redis/store.ts'
import { startRedis } from '../helpers/redis.ts'
import { seed, userName } from './seed.ts'
import { serveStore } from './serve.ts'

/** The top-level commands that a server is sent by others meanwhile; what a script calls in there is none. */
async function commandsDuring(url: string, action: () => Promise<unknown>): Promise<string[]> {
  const watcher = new Redis(url)
  const monitor = await watcher.monitor()
  const commands: string[] = []
  const ended = new Promise<void>((resolve) => {
    monitor.on('monitor', (_time: string, [name = '', argument]: string[], source: string) => {
      if (argument === 'the end') resolve()
      else if (source !== 'lua') commands.push(name.toLowerCase())
    })
  })
  await action()
  await watcher.echo('the end')
  await ended
  monitor.disconnect()
  watcher.disconnect()
  // The feed waits for news on a connection of its own.
  return commands.filter((name) => name !== 'xread')
}

test('a dashboard of 20 users with conversations, topics, points and alerts is at most one command a level at Redis', async () => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const store = await openRedisStore({ url: server.url })
  onTestFinished(() => store.close())
  const { ask } = await serveStore(store)
  await seed(store, { count: 30 })
  const warm = () => ask(UsersDocument, { first: 20 })
  await warm()

  expect(await commandsDuring(server.url, warm)).toEqual(['evalsha', 'evalsha'])
  expect(await commandsDuring(server.url, () => ask(PersonDocument, { userId: userName(9) }))).toEqual(['evalsha', 'evalsha', 'evalsha'])
  const nested = `{ users(first: 20) { edges { node {
    conversations(first: 5) { edges { node { query topics { name users(first: 2) { edges { node { userId conversations(first: 1) { totalCount } } } } } } } }
    topics(first: 5) { edges { count node { name } } }
    emotions(first: 5) { edges { node { score conversation { query } } } }
    emotionTrend { mean } summary context { text } riskAlerts { edges { node { level conversation { query } history { edges { node { kind } } } } } }
  } } } }`
  expect(await commandsDuring(server.url, () => ask(nested))).toEqual(['evalsha', 'evalsha', 'evalsha', 'evalsha'])
})
