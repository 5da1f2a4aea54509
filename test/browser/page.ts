import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { findChromium } from '../helpers/programs.ts'

export const SCREENSHOTS = join(tmpdir(), 'xinyi-screenshots')
export const program = findChromium()
// Chromium itself calls home unless it is told not to.
const QUIET = '--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
// There is one page, and it is ours: the fewer processes, the sooner it is there.
const SMALL = '--in-process-gpu --renderer-process-limit=1 --disable-site-isolation-trials --disable-extensions'

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: program ?? '', args: ['--no-sandbox', ...`${QUIET} ${SMALL}`.split(' ')] })

/** A page that reaches the server's origin and nothing else; what it tried besides ends up in `refused`. It knows nothing of others of the browser. */
export async function openPage(browser: Browser, origin: string): Promise<{ page: Page; refused: string[]; errors: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' })
  onTestFinished(() => page.close())
  page.setDefaultTimeout(60_000)
  const [refused, errors]: [string[], string[]] = [[], []]
  await page.route('**/*', (route) => {
    const url = route.request().url()
    if (url.startsWith(`${origin}/`) || url.startsWith('data:') || url.startsWith('blob:')) return route.continue()
    refused.push(url)
    return route.abort()
  })
  page.on('websocket', (socket) => {
    if (!socket.url().startsWith(origin.replace('http', 'ws'))) refused.push(socket.url())
  })
  page.on('pageerror', (error) => errors.push(error.message))
  // What the content security policy refuses is told there, and what a request came to nothing for.
  page.on('console', (said) => {
    if (said.type() === 'error') errors.push(said.text())
  })
  return { page, refused, errors }
}
