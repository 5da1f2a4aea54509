import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { AlertFeed } from '../../src/services/feed.ts'
import { Webhook } from '../../src/services/webhook.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { sqliteStore } from '../helpers/stores.ts'
import { tempDir } from '../helpers/temp.ts'

const SECRET = Buffer.from('a secret of twenty-four b')

interface Delivery {
  headers: IncomingHttpHeaders
  body: string
}

/** Another service; `answer` says with which status it answers a delivery. */
async function receiver(answer: (count: number) => number = () => 204) {
  const deliveries: Delivery[] = []
  let arrived = Promise.withResolvers<void>()
  const server = createServer(async (req, res) => {
    deliveries.push({ headers: req.headers, body: await text(req) })
    res.writeHead(answer(deliveries.length)).end()
    arrived.resolve()
    arrived = Promise.withResolvers<void>()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/hook?token=SECRET-TOKEN`
  const until = async (count: number): Promise<Delivery[]> => {
    while (deliveries.length < count) await arrived.promise
    return deliveries
  }
  return { url, deliveries, until }
}

async function begin(url: string) {
  const { store } = await sqliteStore.open()
  const dir = tempDir()
  const log: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line) => void log.push(line) })
  const feed = new AlertFeed({ store, logger, clock: () => NOW })
  await feed.start()
  onTestFinished(async () => {
    await feed.close()
    dir.remove()
  })
  const file = join(dir.path, 'webhook.json')
  const make = () =>
    new Webhook(feed, {
      url,
      secret: SECRET,
      file,
      alertIdOf: (id) => `global ${id}`,
      clock: () => NOW,
      logger,
      firstRetryMs: 1,
    })
  const start = async () => {
    const webhook = make()
    onTestFinished(() => webhook.close())
    webhook.start()
    // From when it is noted where it stands, nothing is missed.
    while (!existsSync(file)) await setImmediate()
    return webhook
  }
  const origin = new Origin()
  const raise = (user: string) => store.append([origin.recorded({ user, riskLevel: 'HIGH', query: 'SECRET-WORDS' })])
  return { feed, make, start, raise, log, file }
}

const kinds = (deliveries: readonly Delivery[]) => deliveries.map(({ body }) => JSON.parse(body).type)

test('each alert event is posted, signed, and without a word of anybody', async () => {
  const { url, until } = await receiver()
  const { start, raise, log } = await begin(url)
  await raise('before')
  await start()
  await raise('whoever')
  await raise('whoever')
  const [first] = await until(2)
  if (!first) throw new Error('nothing was delivered')
  const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signature } = first.headers
  expect(signature).toBe(`v1,${createHmac('sha256', SECRET).update(`${id}.${seconds}.${first.body}`).digest('base64')}`)
  expect(seconds).toBe(String(NOW / 1_000))
  expect(JSON.parse(first.body)).toMatchObject({ data: { eventId: id, alertId: expect.stringMatching(/^global /), level: 'HIGH' } })
  expect(first.body).not.toMatch(/SECRET-WORDS|whoever/)
  expect(log.join()).not.toMatch(/SECRET/)
})

test('what is not taken is posted again, before what comes after it', async () => {
  const { url, until } = await receiver((count) => (count < 4 ? 503 : 200))
  const { start, raise, log } = await begin(url)
  await start()
  await raise('a')
  await raise('a')
  const deliveries = await until(5)
  expect(kinds(deliveries)).toEqual([...Array(4).fill('alert.raised'), 'alert.occurred'])
  expect(new Set(deliveries.slice(0, 4).map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  expect(log.join()).toContain('status 503')
  expect(log.join()).not.toMatch(/SECRET-TOKEN/)
})

test('a noted position that can not be used is given up, with an error in the log, and what comes from then on is delivered', async () => {
  const { url, until, deliveries } = await receiver()
  const { start, raise, log, file } = await begin(url)
  const unusable = JSON.stringify({ cursor: 'nonsense' })
  writeFileSync(file, unusable)
  await start()
  await expect.poll(() => readFileSync(file, 'utf8'), { timeout: 5_000 }).not.toBe(unusable)
  expect(log.join()).toContain('is none of this data set; it goes on from now')
  await raise('a')
  await until(1)
  expect(kinds(deliveries)).toEqual(['alert.raised'])
})

test('where the log has gone another way, what it tells that was not delivered is, and nothing else', async () => {
  const { url, until, deliveries } = await receiver()
  const { start, raise, log, file } = await begin(url)
  const webhook = await start()
  for (const user of ['a', 'b']) await raise(user)
  await until(2)
  await webhook.close()
  const { cursor } = JSON.parse(readFileSync(file, 'utf8'))
  const fields = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  const elsewhere = Buffer.from(JSON.stringify({ ...fields, marks: [[fields.n, 'ffffffffff']] })).toString('base64url')
  writeFileSync(file, JSON.stringify({ cursor: elsewhere }))
  for (const user of ['c', 'd']) await raise(user)
  await start()
  const ids = () => deliveries.map(({ headers }) => headers['webhook-id'])
  // What was just being delivered may come once more.
  await expect.poll(() => new Set(ids()).size, { timeout: 5_000 }).toBe(4)
  expect(ids().filter((id) => id === ids()[0])).toHaveLength(1)
  expect(log.join()).not.toContain('goes on from now')
})

test('a restart goes on from what was taken, with what was missed', async () => {
  const { url, until, deliveries } = await receiver()
  const { start, raise } = await begin(url)
  const webhook = await start()
  await raise('a')
  await until(1)
  await webhook.close()
  await raise('b')
  await raise('a')
  expect(deliveries).toHaveLength(1)
  await start()
  // What was just being delivered may come once more.
  await expect.poll(() => new Set(deliveries.map(({ headers }) => headers['webhook-id'])).size, { timeout: 5_000 }).toBe(3)
  const once = [...new Map(deliveries.map((delivery) => [delivery.headers['webhook-id'], delivery])).values()]
  expect(kinds(once)).toEqual(['alert.raised', 'alert.raised', 'alert.occurred'])
})

test('it ends also when it is closed just as it joins the feed', async () => {
  const { url } = await receiver()
  const { feed, make } = await begin(url)
  const webhook = make()
  const subscribe = feed.subscribe.bind(feed)
  const closed = new Promise<void>((resolve) => {
    feed.subscribe = async (asked) => {
      const messages = await subscribe(asked)
      resolve(webhook.close())
      return messages
    }
  })
  webhook.start()
  await closed
})
