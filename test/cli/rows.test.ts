import { describe, expect, test } from 'vitest'
import { type Line, lines } from '../../src/import/lines.ts'
import { rowSchema } from '../../src/import/row.ts'

async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function linesOf(content: string | Buffer, { size = 3, maxBytes = 1000 } = {}): Promise<Line[]> {
  const found: Line[] = []
  for await (const line of lines(chunks(Buffer.from(content), size), maxBytes)) found.push(line)
  return found
}
const textsOf = async (content: string, options = {}) => (await linesOf(content, options)).map(({ text }) => text)

describe('lines', () => {
  test.each([1, 2, 7, 1000])('are the same however the bytes come in (%i at a time)', async (size) => {
    expect(await textsOf('\uFEFF心忆\r\n\n😀 b\nlast', { size })).toEqual(['心忆', '', '😀 b', 'last'])
  })

  test('carry their number and where they end', async () => {
    expect((await linesOf('a\nbc\n')).map(({ number, end }) => [number, end])).toEqual([
      [1, 2],
      [2, 5],
    ])
  })

  test('that are too long come without their text, and those after them as ever', async () => {
    expect(await textsOf(`a\n${'x'.repeat(11)}\n${'y'.repeat(10)}\n`, { maxBytes: 10 })).toEqual(['a', null, 'y'.repeat(10)])
  })

  test('that are not UTF-8 say so', async () => {
    const [good, bad] = await linesOf(Buffer.from([0x61, 0x0a, 0x62, 0xff, 0x0a]))
    expect(good).toMatchObject({ text: 'a', wellFormed: true })
    expect(bad).toMatchObject({ text: 'b\uFFFD', wellFormed: false })
  })
})

describe('a row', () => {
  const schema = rowSchema('Asia/Shanghai')
  const parse = (fields: object) => schema.safeParse({ user: 'u', query: 'q', response: 'r', ...fields })
  const faults = (fields: object) => parse(fields).error?.issues.map(({ path, message }) => [...path, message].join(' '))

  test.each([
    [undefined, 'LOW'],
    [null, 'LOW'],
    ['', 'LOW'],
    ['None', 'LOW'],
    ['medium', 'MEDIUM'],
    [' Imminent ', 'IMMINENT'],
    ['UNKNOWN', 'UNKNOWN'],
  ])('of risk %j is %s', (risk, riskLevel) => {
    expect(parse({ risk }).data).toMatchObject({ riskLevel })
  })

  test.each([
    ['2026-03-01T08:30:00+08:00', '2026-03-01T00:30:00.000Z'],
    ['2026-03-01t08:30:00z', '2026-03-01T08:30:00.000Z'],
    ['2026-03-01T08:30:00.123456', '2026-03-01T00:30:00.123Z'],
    ['2026-03-01 08:30', '2026-03-01T00:30:00.000Z'],
    ['2026-03-01', '2026-02-28T16:00:00.000Z'],
    ['', null],
    [undefined, null],
  ])('of %s happened at %s', (timestamp, occurredAt) => {
    expect(parse({ timestamp }).data).toMatchObject({ occurredAt })
  })

  test.each([
    [{ user: 7 }, 'user has to be a string'],
    [{ query: undefined }, 'query is missing'],
    [{ risk: 'grave' }, 'risk has to be one of UNKNOWN, LOW, MEDIUM, HIGH, IMMINENT or NONE'],
    [{ timestamp: '2026-02-30' }, 'timestamp has to be a date or time such as 2026-03-01T08:30:00+08:00'],
    [{ timestamp: 1_700_000_000 }, 'timestamp has to be a string'],
    [{ emotionScore: '0.5' }, 'emotionScore has to be a finite number'],
    [{ emotionScore: Number.POSITIVE_INFINITY }, 'emotionScore has to be a finite number'],
  ])('of %j is refused: %s', (fields, fault) => {
    expect(faults(fields)).toEqual([fault])
  })

  test('names its topic, or leaves it to the vocabulary; unknown fields are ignored', () => {
    expect(parse({ topic: 'Career', licence: 'MIT' }).data).toMatchObject({ topics: ['Career'] })
    expect(parse({ topic: ' ' }).data).toMatchObject({ topics: null })
    expect(schema.safeParse([]).error?.issues[0]?.message).toBe('The row has to be a JSON object')
  })
})
