import { on, once } from 'node:events'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { MAX_LENGTH } from '../../src/services/cursor.ts'
import { raise, startApp } from './app.ts'

const QUERY = 'subscription { riskAlerts { cursor event { kind } alert { user { userId } trigger { query } } } }'

interface Frame {
  event?: string
  id?: string
  data?: string
}

/** A plain reader of server-sent events. */
async function listen(url: string, lastEventId?: string) {
  const abort = new AbortController()
  onTestFinished(() => abort.abort())
  const headers = { accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }) }
  const response = await fetch(`${url}?query=${encodeURIComponent(QUERY)}`, { headers, signal: abort.signal })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const next = async (): Promise<Frame> => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const lines = text.slice(0, end).split('\n')
        text = text.slice(end + 2)
        const frame: Frame = Object.fromEntries(lines.map((line) => line.split(/: ?(.*)/s)))
        if (lines.some((line) => !line.startsWith(':'))) return frame
      } else {
        const { value, done } = (await reader?.read()) ?? { done: true }
        if (done) throw new Error('the stream has ended')
        text += value
      }
    }
  }
  return { next, close: () => abort.abort() }
}

const kindsOf = ({ data }: Frame) => JSON.parse(data ?? '{}').data.riskAlerts.event.kind

test('a stream begins with the present cursor: whoever is cut off before anything came goes on from there', async () => {
  const { url } = await startApp()
  const stream = await listen(url)
  const first = await stream.next()
  expect(first).toEqual({ id: expect.any(String) })
  stream.close()
  await raise(url)
  const again = await listen(url, first.id)
  expect(kindsOf(await again.next())).toBe('RAISED')
})

test('each event has its cursor as id, and a browser that connects again goes on behind it', async () => {
  const { url } = await startApp()
  const stream = await listen(url)
  await stream.next()
  await raise(url)
  const told = await stream.next()
  expect(told).toMatchObject({ event: 'next', id: expect.any(String) })
  expect(JSON.parse(told.data ?? '').data.riskAlerts.cursor).toBe(told.id)
  stream.close()
  await raise(url)
  await raise(url, 'bob')
  const again = await listen(url, told.id)
  expect([kindsOf(await again.next()), kindsOf(await again.next())]).toEqual(['OCCURRED', 'RAISED'])
})

test('while nothing happens the present cursor comes alone, and nothing is missed or repeated behind it', async () => {
  const { url } = await startApp({ FEED_HEARTBEAT_SECONDS: '1' })
  const stream = await listen(url)
  await stream.next()
  await raise(url)
  const told = await stream.next()
  await raise(url, 'ada', 'LOW')
  let quiet = told
  // The log goes on, though it tells nothing.
  while (quiet.id === told.id) quiet = await stream.next()
  expect(quiet).toEqual({ id: expect.any(String) })
  stream.close()
  await raise(url, 'bob')
  const again = await listen(url, quiet.id)
  expect(kindsOf(await again.next())).toBe('RAISED')
})

test('what many ask for in the same words is worked out once for all, over whatever they hear it, and each is told its own cursor', async () => {
  const { app, url } = await startApp()
  const { store } = app.services
  const early = await listen(url)
  await early.next()
  await raise(url, 'before')
  const first = await early.next()
  const late = [await listen(url), await listen(url)]
  for (const stream of late) await stream.next()
  const { messages } = await webSocket(url)
  await messages.next()
  const read = vi.spyOn(store, 'read')
  await raise(url, 'after')
  const frames = [await early.next(), ...(await Promise.all(late.map((stream) => stream.next())))]
  const { value } = await messages.next()
  const heard = [...frames.map(({ data }) => data ?? ''), JSON.stringify(JSON.parse(String(value[0])).payload)]
  const usersRead = read.mock.calls.flatMap(([requests]) => requests).filter(({ kind }) => kind === 'user')
  expect(usersRead).toHaveLength(1)
  expect(new Set(heard.map((json) => json.replace(/"cursor":"[^"]*"/, ''))).size).toBe(1)
  for (const { id, data } of frames) expect(JSON.parse(data ?? '').data.riskAlerts.cursor).toBe(id)
  for (const stream of late) stream.close()
  await raise(url, 'last')
  const again = await listen(url, first.id)
  const users = async () => JSON.parse((await again.next()).data ?? '').data.riskAlerts.alert.user.userId
  expect([await users(), await users()]).toEqual(['after', 'last'])
})

test('the longest Last-Event-ID that there can be is taken', async () => {
  const { url } = await startApp()
  const frame = await (await listen(url, 'x'.repeat(MAX_LENGTH))).next()
  expect(JSON.parse(frame.data ?? '').errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'after' } }])
})

test('a stream with a Last-Event-ID that is none says so', async () => {
  const { url } = await startApp()
  const frame = await (await listen(url, 'nonsense')).next()
  expect(JSON.parse(frame.data ?? '').errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'after' } }])
})

async function webSocket(url: string): Promise<{ socket: WebSocket; messages: AsyncIterator<unknown[]> }> {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws')
  onTestFinished(() => socket.terminate())
  await once(socket, 'open')
  const messages = on(socket, 'message')[Symbol.asyncIterator]()
  socket.send('{"type":"connection_init"}')
  await messages.next()
  socket.send(JSON.stringify({ id: 'news', type: 'subscribe', payload: { query: QUERY } }))
  return { socket, messages }
}

test('over a WebSocket a ping tells the present cursor of each subscription', async () => {
  const { url } = await startApp({ FEED_HEARTBEAT_SECONDS: '1' })
  const { messages } = await webSocket(url)
  const { value } = await messages.next()
  const ping = JSON.parse(String(value[0]))
  expect(ping).toMatchObject({ type: 'ping', payload: { cursors: { news: expect.any(String) } } })
  await raise(url)
  const again = await listen(url, ping.payload.cursors.news)
  expect(kindsOf(await again.next())).toBe('RAISED')
})

test('a WebSocket that does not read is closed with a code that says so', { timeout: 30_000 }, async () => {
  const { app, url } = await startApp()
  const { feed, recorder } = app.services
  const begun = Promise.withResolvers<void>()
  const dropped = Promise.withResolvers<void>()
  const subscribe = feed.subscribe.bind(feed)
  feed.subscribe = async (asked) => {
    const onTooSlow = () => {
      asked.onTooSlow?.()
      dropped.resolve()
    }
    const messages = await subscribe({ ...asked, onTooSlow })
    const next = messages.next.bind(messages)
    messages.next = () => {
      begun.resolve()
      return next()
    }
    return messages
  }
  const { socket } = await webSocket(url)
  await begun.promise
  socket.pause()
  const said = { userId: 'u', response: 'r', riskLevel: 'HIGH' as const }
  await recorder.record({ ...said, query: '我'.repeat(16_000) })
  let isDropped = false
  dropped.promise.then(() => (isDropped = true))
  while (!isDropped) await Promise.all(Array.from({ length: 100 }, () => recorder.record({ ...said, query: 'q' })))
  socket.resume()
  const [code, reason] = await once(socket, 'close')
  expect([code, String(reason)]).toEqual([4429, expect.stringContaining('subscribe again')])
})
