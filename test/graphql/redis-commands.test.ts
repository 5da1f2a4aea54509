import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { PersonDocument, UsersDocument } from '../../src/gql/graphql.ts'
import { openRedisStore } from '../../src/store/redis/open.ts'
import { startRedis } from '../helpers/redis.ts'
import { seed, userName } from './seed.ts'
import { serveStore } from './serve.ts'

/** The top-level commands that a server is sent by others meanwhile; what a script calls in there is none. */
async function commandsDuring(path: string, action: () => Promise<unknown>): Promise<string[]> {
  // ioredis' own monitor loses its place when news comes before the answer to MONITOR.
  const socket = connect(path)
  const lines = createInterface(socket)[Symbol.asyncIterator]()
  socket.write('MONITOR\r\n')
  expect((await lines.next()).value).toBe('+OK')
  await action()
  const other = connect(path)
  other.write('ECHO "the end"\r\n')
  const commands: string[] = []
  for (let line = ''; !line.includes('"ECHO" "the end"'); line = String((await lines.next()).value)) {
    const [, source, name = ''] = /^\+[\d.]+ \[\d+ (\S+)\] "(\w+)"/.exec(line) ?? ['', 'lua']
    if (source !== 'lua') commands.push(name.toLowerCase())
  }
  socket.destroy()
  other.destroy()
  // The feed waits for news on a connection of its own.
  return commands.filter((name) => name !== 'xread')
}

// While it is monitored Redis writes down each step of each script, for which it may take too long on a busy machine.
test('a dashboard of 20 users with conversations, topics, points and alerts is at most one command a level at Redis', {
  retry: { count: 3, condition: /STORE_UNAVAILABLE/ },
}, async () => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const store = await openRedisStore({ url: server.url })
  onTestFinished(() => store.close())
  const { ask, listen } = await serveStore(store)
  await seed(store, { count: 30 })
  // Once the feed tells the newest alert, it has read all of the log and only waits.
  const news = await listen('subscription { riskAlerts { alert { user { userId } } } }')
  let told = news.next()
  await ask('mutation { recordConversation(input: { userId: "last", query: "q", response: "r", riskLevel: HIGH }) { duplicate } }')
  while ((await told).value.data.riskAlerts.alert.user.userId !== 'last') told = news.next()
  await news.return?.()
  const warm = () => ask(UsersDocument, { first: 20 })
  await warm()

  expect(await commandsDuring(server.url, warm)).toEqual(['evalsha', 'evalsha'])
  expect(await commandsDuring(server.url, () => ask(PersonDocument, { userId: userName(9) }))).toEqual(['evalsha', 'evalsha', 'evalsha'])
  const nested = `{ users(first: 20) { edges { node {
    conversations(first: 5) { edges { node { query topics { name users(first: 2) { edges { node { userId emotions(first: 1) { totalCount } } } } } } } }
    topics(first: 5) { edges { count node { name } } }
    emotions(first: 5) { edges { node { score conversation { query } } } }
    emotionTrend { mean } summary context { text } riskAlerts { edges { node { level conversation { query } history { edges { node { kind } } } } } }
  } } } }`
  expect(await commandsDuring(server.url, () => ask(nested))).toEqual(['evalsha', 'evalsha', 'evalsha', 'evalsha'])
})
