import { expect, test } from 'vitest'
import { startApp } from './app.ts'

const page = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(url, { method, headers: { accept: 'text/html', ...headers } })

test('GraphiQL asks for nothing elsewhere', async () => {
  const { url } = await startApp()
  const answer = await page(url)
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
  const html = await answer.text()
  expect(html).toContain('GraphiQL')
  const outside = /(?:<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)|@import|\burl\()\s*[=(]?\s*["']?(?:https?:)?\/\/[^\s"')]*/gi
  expect(html.match(outside) ?? []).toEqual([])
})

test('GraphiQL is sent compressed, and once', async () => {
  const { url } = await startApp()
  const sizes = new Map<string, number>()
  for (const encoding of ['br', 'gzip', 'identity']) {
    const answer = await page(url, { 'accept-encoding': encoding })
    expect(answer.headers.get('content-encoding') ?? 'identity').toBe(encoding)
    sizes.set(encoding, Number(answer.headers.get('content-length')))
    expect((await answer.text()).length).toBeGreaterThan(1_000_000)
    const etag = answer.headers.get('etag') ?? ''
    const again = await page(url, { 'accept-encoding': encoding, 'if-none-match': etag })
    expect([again.status, await again.text()]).toEqual([304, ''])
  }
  const { br = 0, gzip = 0, identity = 0 } = Object.fromEntries(sizes)
  expect(br).toBeLessThan(gzip)
  expect(gzip).toBeLessThan(identity / 3)
  expect((await page(url, { 'accept-encoding': 'br;q=0, gzip;q=0.5' })).headers.get('content-encoding')).toBe('gzip')
  expect(await (await page(url, {}, 'HEAD')).text()).toBe('')
})
