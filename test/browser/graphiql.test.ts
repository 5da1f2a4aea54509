import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { findChromium } from '../helpers/programs.ts'
import { graphql, startApp } from '../http/app.ts'

const SCREENSHOTS = join(tmpdir(), 'xinyi-screenshots')
const program = findChromium()
// Chromium itself calls home unless it is told not to.
const QUIET = '--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'

/** A page that reaches the server's origin and nothing else; what it tried besides ends up in `refused`. */
async function openPage(origin: string): Promise<{ page: Page; refused: string[]; errors: string[] }> {
  const browser: Browser = await chromium.launch({ executablePath: program ?? '', args: ['--no-sandbox', ...QUIET.split(' ')] })
  onTestFinished(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' })
  page.setDefaultTimeout(20_000)
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

test.skipIf(!program)(
  'GraphiQL works with the network cut: it runs a query, and its subscription shows an alert as it is raised',
  async () => {
    const { url } = await startApp()
    const origin = new URL(url).origin
    const record = (userId: string, riskLevel: string) =>
      graphql(url, 'mutation ($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate } }', {
        input: { userId, query: '我最近压力很大 😔', response: '听起来很不容易。', riskLevel },
      })
    await record('李娜', 'MEDIUM')

    const { page, refused, errors } = await openPage(origin)
    await page.goto(url)
    const execute = page.getByRole('button', { name: /execute query/i })
    const answer = page.locator('.graphiql-response')
    await execute.click()
    await answer.getByText('李娜').waitFor()
    await page.screenshot({ path: join(SCREENSHOTS, 'query.png') })

    // What completes is worked out in the editor's workers.
    await page.locator('.graphiql-query-editor .view-line').last().click()
    await page.keyboard.press('Control+End')
    await page.keyboard.type('query Another { sto')
    await page.keyboard.press('Control+Space')
    await page.locator('.suggest-widget.visible').getByText('storage').first().waitFor()
    await page.screenshot({ path: join(SCREENSHOTS, 'completion.png') })
    await page.keyboard.press('Escape')

    await page.getByRole('tab', { name: /alerts/i }).click()
    await page.locator('.graphiql-query-editor').getByText('replayed').first().waitFor()
    let raised = 0
    // GraphiQL takes a moment to notice the operation of another tab, and nothing tells a subscriber that it is one.
    const seen = async () => {
      if (await execute.isVisible()) await execute.click()
      raised += 1
      await record(`Wei-${raised}`, 'HIGH')
      return answer.textContent()
    }
    await expect.poll(seen, { interval: 500, timeout: 20_000 }).toContain('Wei-')
    expect(await answer.textContent()).toContain('RAISED')
    await page.screenshot({ path: join(SCREENSHOTS, 'subscription.png') })
    console.log(`Screenshots: ${SCREENSHOTS}`)

    expect(refused, 'nothing outside was asked for').toEqual([])
    expect(errors).toEqual([])
  },
  90_000,
)
