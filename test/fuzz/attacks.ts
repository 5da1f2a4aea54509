import { connect } from 'node:net'
import fc from 'fast-check'
import manifest from '../../src/gql/persisted-documents.json' with { type: 'json' }
import { anyText } from '../helpers/texts.ts'
import { MARK, type Target } from './server.ts'

/** What is sent over one connection, and whether a WebSocket is opened by it first. */
export interface Attack {
  name: string
  /** `TOKEN` in it stands for one that is valid. */
  bytes: Buffer
  /** Sent once the server has agreed to speak WebSocket. */
  frames: Buffer[]
}

const nasty = fc.oneof(
  fc.constant(MARK),
  anyText({ maxLength: 40 }).map((text) => MARK + text),
  fc.constantFrom(
    '',
    '\0',
    '../../etc/passwd',
    '__proto__',
    'constructor',
    '%00',
    '\u{1F600}',
    '\ud800',
    "' OR 1=1 --",
    '*3\r\n$4\r\nPING\r\n',
  ),
)
const value: fc.Arbitrary<unknown> = fc.oneof(
  nasty,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, Number.POSITIVE_INFINITY, -1, 2 ** 53, {}, []),
  fc.integer({ min: 1, max: 200 }).map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth))),
)
const id = fc.constantFrom(...Object.keys(manifest), MARK, `sha256:${MARK}`)

/** A known document with a few of its pieces taken out, doubled or replaced; or a heap of pieces. */
const PIECES = /\s+|[\w$]+|\.\.\.|./g
const pieces = fc.oneof(
  fc.constantFrom(
    '{',
    '}',
    '(',
    ')',
    '...',
    '...AlertFacts',
    '@skip(if: true)',
    '$a',
    ':',
    '"""',
    '"',
    '#',
    '\u0000',
    '\uFEFF',
    'fragment',
    'on',
    '__schema',
    '__type',
    'users',
    'node',
    '1e9',
  ),
  nasty.map((text) => JSON.stringify(text)),
)
const document = fc.oneof(
  fc
    .tuple(fc.constantFrom(...Object.values(manifest)), fc.array(fc.tuple(fc.nat(), fc.nat(2), pieces), { maxLength: 4 }))
    .map(([text, changes]) => {
      const parts: string[] = text.match(PIECES) ?? []
      for (const [at, kind, piece] of changes) parts.splice(at % parts.length, kind, piece)
      return parts.join('')
    }),
  fc.array(pieces, { maxLength: 200 }).map((parts) => parts.join(' ')),
  fc.tuple(fc.constantFrom('{ overview ', '{ ...f ', '[', '{ a: users '), fc.nat(3_000)).map(([text, times]) => text.repeat(times)),
)
const input = fc.record(
  {
    userId: nasty,
    query: nasty,
    response: nasty,
    riskLevel: value,
    emotionScore: value,
    occurredAt: value,
    topics: value,
    idempotencyKey: nasty,
  },
  { requiredKeys: ['userId', 'query', 'response'] },
)
const variables = fc.oneof(
  value,
  fc.record(
    {
      userId: nasty,
      first: value,
      after: value,
      filter: value,
      input: fc.oneof(input, fc.array(input, { maxLength: 5 }), value),
      reason: value,
    },
    { requiredKeys: [] },
  ),
)
const params = fc.oneof(
  fc.record({ query: document, variables }, { requiredKeys: ['query'] }),
  fc.record({ documentId: id, variables }, { requiredKeys: ['documentId'] }),
  fc.record({ query: value, operationName: value, variables, extensions: value, documentId: value, [MARK]: value }, { requiredKeys: [] }),
)
const json = fc.oneof(
  fc
    .integer({ min: 1, max: 20_000 })
    .map((depth) => `{"query":"query ($x: Y) { ${MARK} }","variables":{"x":${'['.repeat(depth)}${']'.repeat(depth)}}}`),
  params.map((each) => JSON.stringify(each)),
  fc.tuple(params, fc.nat()).map(([each, cut]) => JSON.stringify(each).slice(0, cut % 200)),
  nasty,
)

const header = fc.constantFrom(
  'Accept: text/event-stream',
  'Accept: application/graphql-response+json',
  'Accept: multipart/mixed',
  `Accept: ${MARK}`,
  `Last-Event-ID: ${MARK}`,
  `Cookie: a=${MARK}; b`,
  `Origin: https://${MARK}.example`,
  `Authorization: Bearer ${MARK}`,
  `X-${MARK}: \x80\xff`,
  'Content-Encoding: gzip',
  'Transfer-Encoding: chunked',
  'Content-Length: 5',
  'Expect: 100-continue',
  `${MARK}`,
  `Host: ${MARK}`,
)
const head = (line: string, headers: readonly string[]): string =>
  [line, 'Host: localhost', 'Connection: close', ...headers].map((each) => `${each}\r\n`).join('')

const posted = fc.tuple(json, fc.array(header, { maxLength: 2 })).map(([body, headers]) => {
  const bytes = Buffer.from(body)
  const own = ['Authorization: Bearer TOKEN', 'Content-Type: application/json', `Content-Length: ${bytes.length}`]
  return Buffer.concat([Buffer.from(`${head('POST /graphql HTTP/1.1', [...own, ...headers])}\r\n`, 'latin1'), bytes])
})
const asked = fc.tuple(params, fc.array(header, { maxLength: 2 })).map(([each, headers]) => {
  const query = new URLSearchParams(
    Object.entries(each).map(([key, part]) => [key, typeof part === 'string' ? part : (JSON.stringify(part) ?? '')]),
  )
  const line = `GET /graphql?${query.toString().slice(0, 8_000)} HTTP/1.1`
  return Buffer.from(`${head(line, ['Authorization: Bearer TOKEN', ...headers])}\r\n`, 'latin1')
})
const malformed = fc
  .tuple(
    fc.constantFrom('GET', 'POST', 'OPTIONS', 'TRACE', 'CONNECT', 'PRI', MARK, ''),
    fc.constantFrom('/graphql', '/health/ready', '/session', '/', '*', '//', '/..%2f', `/${MARK}`, `http://${MARK}/`, '/\x00', '?', '%'),
    fc.constantFrom(' HTTP/1.1', ' HTTP/1.0', ' HTTP/9.9', '', ` ${MARK}`),
    fc.array(header, { maxLength: 5 }),
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom(Buffer.from(`5\r\n${MARK}`), Buffer.from('-1\r\n'), Buffer.from('ffffffffffffffff\r\n')),
    ),
  )
  .map(([method, path, version, headers, rest]) =>
    Buffer.concat([Buffer.from(`${head(`${method} ${path}${version}`, headers)}\r\n`, 'latin1'), rest]),
  )

const UPGRADE = head('GET /graphql HTTP/1.1', [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'Sec-WebSocket-Protocol: graphql-transport-ws',
])
/** A text frame, masked with zeros. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text)
  const start =
    payload.length < 126 ? Buffer.from([0x81, 0x80 | payload.length]) : Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255])
  return Buffer.concat([start, Buffer.alloc(4), payload])
}
const INIT = Buffer.from(JSON.stringify({ type: 'connection_init', payload: { authorization: 'Bearer TOKEN' } }))
const message = fc.oneof(
  params.map((payload) => JSON.stringify({ id: '1', type: 'subscribe', payload })),
  fc
    .record(
      { id: value, type: fc.constantFrom('subscribe', 'complete', 'ping', 'pong', 'next', 'connection_init', MARK), payload: value },
      { requiredKeys: [] },
    )
    .map((each) => JSON.stringify(each)),
  json,
)
const frames = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: message.map((text) => frame(text.slice(0, 30_000))) },
    { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
  ),
  { minLength: 1, maxLength: 6 },
)

const over = (name: string, bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Attack> => bytes.map((each) => ({ name, bytes: each, frames: [] }))

export const attacks: fc.Arbitrary<Attack> = fc.oneof(
  over('POST', posted),
  over('GET', asked),
  over('HTTP', malformed),
  over(
    'nothing',
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  ),
  frames.map((all) => ({
    name: 'WebSocket',
    bytes: Buffer.from(`${UPGRADE.replace('Connection: close\r\n', '')}\r\n`),
    frames: [INIT, ...all],
  })),
)

const PATIENCE_MS = 300

/** Sends it, and answers what comes back until the server closes or has nothing more to say. */
export function launch({ port, token }: Target, { bytes, frames }: Attack): Promise<string> {
  const withToken = (each: Buffer) => {
    const text = each.toString('latin1')
    if (!text.includes('TOKEN')) return each
    // The one place where its length counts is the first message of a WebSocket.
    return each === INIT ? frame(String(INIT).replace('TOKEN', token)) : Buffer.from(text.replace('TOKEN', token), 'latin1')
  }
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const chunks: Buffer[] = []
    let waiting = frames
    const timer = setTimeout(() => socket.destroy(), 10 * PATIENCE_MS)
    socket.setTimeout(PATIENCE_MS, () => socket.destroy())
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      const [first, ...rest] = waiting
      if (first && chunk.includes('101 Switching')) socket.write(withToken(first))
      if (!chunk.includes('connection_ack')) return
      for (const each of rest) socket.write(withToken(each))
      waiting = []
    })
    socket.once('end', () => socket.end())
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks).toString())
    })
    socket.write(withToken(bytes))
    if (frames.length === 0) socket.end()
  })
}
