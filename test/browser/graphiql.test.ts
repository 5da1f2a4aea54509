import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { graphql, startApp } from '../http/app.ts'
import { bearer } from '../http/tokens.ts'
import { openBrowser, openPage, program, SCREENSHOTS } from './page.ts'

let browser: Browser
beforeAll(async () => {
  if (program) browser = await openBrowser()
})
afterAll(() => browser?.close())

test.skipIf(!program)(
  'the link signs in, and vanishes from the address; then GraphiQL works with the network cut: it runs a query, and its subscription shows an alert as it is raised',
  async () => {
    const { url, config, newCode } = await startApp({ AUTH: 'on' })
    const origin = new URL(url).origin
    const service = await bearer(config, { role: 'SERVICE', name: 'assistant' })
    const RECORD = 'mutation ($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate } }'
    const record = async (userId: string, riskLevel: string) => {
      const input = { userId, query: '我最近压力很大 😔', response: '听起来很不容易。', riskLevel }
      expect(await graphql(url, RECORD, { input }, service)).not.toHaveProperty('errors')
    }
    await record('李娜', 'MEDIUM')

    const { page, refused, errors } = await openPage(browser, origin)
    await page.goto(`${url}#code=${newCode()}`)
    const execute = page.getByRole('button', { name: /execute query/i })
    const answer = page.locator('.graphiql-response')
    await execute.click()
    await answer.getByText('李娜').waitFor()
    expect(page.url()).toBe(url)
    const [cookie] = await page.context().cookies()
    expect(cookie).toMatchObject({ name: 'xinyi_session', httpOnly: true, sameSite: 'Strict', path: '/' })
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
    await expect.poll(seen, { interval: 500, timeout: 60_000 }).toContain('Wei-')
    expect(await answer.textContent()).toContain('RAISED')
    await page.screenshot({ path: join(SCREENSHOTS, 'subscription.png') })
    console.log(`Screenshots: ${SCREENSHOTS}`)

    expect(refused, 'nothing outside was asked for').toEqual([])
    expect(errors).toEqual([])
  },
  180_000,
)
