import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { blocks } from '../helpers/pages.ts'
import { graphql, post, startApp } from '../http/app.ts'
import { bearer, tokenFor } from '../http/tokens.ts'
import { openBrowser, openPage, program, SCREENSHOTS } from './page.ts'

const RECORD = `mutation ($userId: String!) {
  recordConversation(input: { userId: $userId, query: "我最近压力很大", response: "我在。", riskLevel: HIGH }) { duplicate }
}`

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

test.skipIf(!program)('a link that was used says so, and leads nowhere', async () => {
  const { url, newCode } = await startApp({ AUTH: 'on' })
  const { page } = await openPage(browser, new URL(url).origin)
  const code = newCode()
  await page.request.post(url.replace('/graphql', '/session'), { data: { code }, headers: { origin: new URL(url).origin } })
  await page.context().clearCookies()
  await page.goto(`${url}#code=${code}`)
  await page.getByRole('alert').getByText('The link was used').waitFor()
  expect(page.url()).toBe(url)
  await page.screenshot({ path: join(SCREENSHOTS, 'link-used.png') })
})

test.skipIf(!program)(
  'whoever has a token signs in with it, and out again',
  async () => {
    const { url, config } = await startApp({ AUTH: 'on' })
    const { page, refused } = await openPage(browser, new URL(url).origin)
    const session = url.replace('/graphql', '/session')
    await page.goto(session)
    const token = page.getByLabel(/token/i)
    await token.fill('nonsense')
    await page.getByRole('button', { name: /sign in/i }).click()
    await page.getByRole('alert').getByText('The token is not valid here.').waitFor()
    await page.screenshot({ path: join(SCREENSHOTS, 'sign-in.png') })
    await token.fill(await tokenFor(config, { role: 'COUNSELOR', name: '李老师' }))
    await page.getByRole('button', { name: /sign in/i }).click()
    await page.waitForURL(url, { waitUntil: 'commit' })
    await page.goto(session)
    await page.getByText('Signed in as 李老师 (COUNSELOR)').waitFor()
    await page.screenshot({ path: join(SCREENSHOTS, 'session.png') })
    await page.getByRole('button', { name: /sign out/i }).click()
    await token.waitFor()
    await page.goto(url)
    await token.waitFor()
    expect(refused).toEqual([])
  },
  180_000,
)

test.skipIf(!program)('the page of the API guide hears of an alert as it is raised', async () => {
  const { url, config, newCode } = await startApp({ AUTH: 'on' })
  const { page } = await openPage(browser, new URL(url).origin)
  const session = url.replace('/graphql', '/session')
  await page.request.post(session, { data: { code: newCode() }, headers: { origin: new URL(url).origin } })
  await page.goto(session)
  const script = blocks('docs/api.md', 'js').find((block) => block.includes('EventSource')) ?? ''
  const [subscribed, said] = [page.waitForResponse(/subscription/), page.waitForEvent('console')]
  await page.evaluate(script)
  await subscribed
  const service = await bearer(config, { role: 'SERVICE', name: 'assistant' })
  await post(url, JSON.stringify({ query: RECORD, variables: { userId: 'min' } }), service)
  expect([`${(await said).text()}\n`]).toEqual(blocks('docs/api.md', 'text'))
})
