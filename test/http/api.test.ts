import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { ROLES, type Role } from '../../src/model.ts'
import { blocks, blocksOf, ROOT, sectionsOf, textOf } from '../helpers/pages.ts'
import { startProxy } from '../helpers/proxy.ts'
import { post, type RunningApp, startApp } from './app.ts'
import { tokenFor } from './tokens.ts'

const PAGE = 'docs/api.md'
const NAMES: Record<Role, string> = { SERVICE: 'assistant', COUNSELOR: '李老师', SUPERVISOR: '陈主任', ADMIN: '管理员' }

/** Asks in a role, and answers data and errors. */
async function ask({ url, config }: RunningApp, role: Role, query: string, variables: unknown) {
  const token = await tokenFor(config, { role, name: NAMES[role] })
  const response = await post(url, JSON.stringify({ query, variables }), { authorization: `Bearer ${token}` })
  // The page leaves out what says nothing of the operation.
  const text = JSON.stringify(await response.json(), (key, value) => (key === 'locations' ? undefined : value))
  const { extensions, ...answer } = z.looseObject({ extensions: z.unknown() }).parse(JSON.parse(text))
  return answer
}

/** What the page shows, with everything in the place of what it leaves open: `<a time>`, or a name for what comes again. */
function filled(shown: unknown, actual: unknown, known: Map<string, unknown>): unknown {
  if (Array.isArray(shown)) return shown.map((each, i) => filled(each, Array.isArray(actual) ? actual[i] : undefined, known))
  if (typeof shown === 'object' && shown !== null) {
    const values = z.record(z.string(), z.unknown()).safeParse(actual).data ?? {}
    return Object.fromEntries(Object.entries(shown).map(([key, each]) => [key, filled(each, values[key], known)]))
  }
  if (typeof shown !== 'string') return shown
  const [name] = /^<\w+>$/.exec(shown) ?? []
  if (name !== undefined) {
    if (!known.has(name) && actual !== undefined) known.set(name, actual)
    return known.get(name) ?? shown
  }
  const parts = shown.split(/<an? [\w ]+>/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return typeof actual === 'string' && new RegExp(`^${parts.join('.+')}$`, 's').test(actual) ? actual : shown
}

test('the operations of the API guide have the answers that it shows', async () => {
  const app = await startApp({ AUTH: 'on' })
  const known = new Map<string, unknown>()
  let compared = 0
  for (const section of sectionsOf(textOf(PAGE))) {
    const role = ROLES.find((each) => each === /`(SERVICE|COUNSELOR|SUPERVISOR|ADMIN)`/.exec(section)?.[1])
    let [query, variables]: [string, unknown] = ['', {}]
    for (const { info, text } of blocksOf(section)) {
      if (info === 'graphql') query = text
      if (info === 'json variables') variables = filled(JSON.parse(text), undefined, known)
      if (info !== 'json answer') continue
      if (!role) throw new Error(`${section.split('\n')[0]} does not say who asks.`)
      const answer = await ask(app, role, query, variables)
      expect(answer, section.split('\n')[0]).toEqual(filled(JSON.parse(text), answer, known))
      compared += 1
    }
  }
  expect(compared).toBeGreaterThanOrEqual(15)
})

const RECORD = 'mutation ($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate } }'
const raise = (app: RunningApp, userId: string) =>
  ask(app, 'SERVICE', RECORD, { input: { userId, query: 'q', response: 'r', riskLevel: 'HIGH' } })

test('the subscriber of the API guide prints what it says, and misses nothing while it is cut off', async () => {
  const app = await startApp({ AUTH: 'on' })
  const proxy = await startProxy({ host: '127.0.0.1', port: Number(new URL(app.url).port) })
  onTestFinished(() => proxy.close())
  const { feed } = app.app.services
  const begun = Promise.withResolvers<void>()
  const subscribe = feed.subscribe.bind(feed)
  feed.subscribe = async (asked) => {
    const messages = await subscribe(asked)
    begun.resolve()
    return messages
  }
  const script = blocks(PAGE, 'js').find((block) => block.includes('graphql-ws')) ?? ''
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script.replace('localhost:8001', `127.0.0.1:${proxy.port}`)], {
    cwd: ROOT,
    env: { TOKEN: await tokenFor(app.config, { role: 'SUPERVISOR', name: NAMES.SUPERVISOR }) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill())
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  await begun.promise
  await raise(app, 'min')
  expect([`${(await lines.next()).value}\n`]).toEqual(blocks(PAGE, 'text'))
  proxy.cut()
  await raise(app, 'lin')
  proxy.heal()
  expect((await lines.next()).value).toBe('RAISED HIGH lin')
})
