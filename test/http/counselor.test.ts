import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWsClient } from 'graphql-ws'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { globalId } from '../../src/graphql/ids.ts'
import { graphql, startApp } from './app.ts'
import { bearer } from './tokens.ts'

const NEWS = `subscription { riskAlerts { withdrawn event { kind actor note } alert { status trigger { query } assignee { name }
  user { userId totalChats conversations { totalCount } } } } }`

interface Message {
  data?: { riskAlerts: { withdrawn: boolean; event: { kind: string }; alert: { user: { userId: string } } } } | null | undefined
}
type Authorization = { authorization: string }

const clients: { name: string; listen(url: string, who: Authorization): AsyncIterableIterator<Message> }[] = [
  {
    name: 'graphql-ws',
    listen(url, connectionParams) {
      const client = createWsClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0, connectionParams })
      onTestFinished(() => void client.dispose())
      return client.iterate({ query: NEWS })
    },
  },
  {
    name: 'graphql-sse',
    listen(url, headers) {
      const client = createSseClient({ url, retryAttempts: 0, headers })
      onTestFinished(() => client.dispose())
      return client.iterate({ query: NEWS })
    },
  },
]

beforeEach(() => {
  vi.stubEnv('NODE_ENV', 'production')
})

describe.each(clients)('a counselor who listens by $name with a token', ({ listen }) => {
  test('hears of their own, of nobody else, and last of what is theirs no more', async () => {
    const { app, url, config } = await startApp({ AUTH: 'on' })
    const [li, wang, chief] = await Promise.all([
      bearer(config, { role: 'COUNSELOR', name: 'li' }),
      bearer(config, { role: 'COUNSELOR', name: 'wang' }),
      bearer(config, { role: 'SUPERVISOR', name: 'chief' }),
    ])
    const record = async (userId: string) => {
      const { data } = await graphql(
        url,
        'mutation ($i: RecordConversationInput!) { recordConversation(input: $i) { alert { id } } }',
        {
          i: { userId, query: `secret of ${userId}`, response: 'r', riskLevel: 'HIGH' },
        },
        chief,
      )
      return data.recordConversation.alert.id
    }
    const assign = (userId: string, sub: string) =>
      graphql(
        url,
        'mutation ($i: AssignCounselorInput!) { assignCounselor(input: $i) { durability } }',
        {
          i: { userId, counselorId: globalId({ type: 'Counselor', id: sub }) },
        },
        chief,
      )
    const take = (id: string) =>
      graphql(url, 'mutation ($id: ID!) { acknowledgeRiskAlert(input: { alertId: $id, note: "a secret" }) { alert { id } } }', { id }, wang)
    await record('ada')
    await record('bob')
    await assign('ada', 'li')
    await assign('bob', 'wang')

    const subscribe = app.services.feed.subscribe.bind(app.services.feed)
    const begun = Promise.withResolvers<void>()
    app.services.feed.subscribe = async (asked) => {
      const messages = await subscribe(asked)
      begun.resolve()
      return messages
    }
    const news = listen(url, li)
    const first = news.next()
    await begun.promise
    await record('bob')
    await record('ada')
    const waiting = await record('eve')
    await take(waiting)
    await record('eve')
    await record('ada')

    const heard = [await first, await news.next(), await news.next(), await news.next()].map(({ value }) => value.data?.riskAlerts)
    expect(heard.map((each) => [each?.event.kind, each?.alert.user.userId, each?.withdrawn])).toEqual([
      ['OCCURRED', 'ada', false],
      ['RAISED', 'eve', false],
      ['ACKNOWLEDGED', 'eve', true],
      ['OCCURRED', 'ada', false],
    ])
    expect(heard[1]).toMatchObject({ alert: { trigger: { query: 'secret of eve' } } })
    expect(heard[2]).toEqual({
      withdrawn: true,
      event: { kind: 'ACKNOWLEDGED', actor: null, note: null },
      alert: {
        ...{ status: 'ACKNOWLEDGED', trigger: null, assignee: null },
        user: { userId: 'eve', totalChats: 0, conversations: { totalCount: 0 } },
      },
    })
    expect(JSON.stringify(heard)).not.toMatch(/bob|wang|a secret/)
    await news.return?.()
  })
})
