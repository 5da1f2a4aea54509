import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { blocks } from '../helpers/pages.ts'
import { post, startApp } from '../http/app.ts'
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
