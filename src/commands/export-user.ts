import type { Config } from '../config.ts'
import { holdsData } from '../data-set.ts'
import { StartError } from '../errors.ts'
import {
  HeldAlertHistoryDocument,
  HeldAlertsDocument,
  HeldConversationsDocument,
  HeldEmotionsDocument,
  HeldPersonDocument,
  HeldTopicsDocument,
} from '../gql/graphql.ts'
import { type Client, connect, findServer } from './client.ts'

/** Prints, as JSON, everything that is held on a person. The audit log takes note of it, also where no server runs. */
export async function exportUser(config: Config, userId: string): Promise<void> {
  const client = (await findServer(config)) ?? ((await holdsData(config)) ? await connect(config) : null)
  try {
    const held = client && (await heldOn(client, userId))
    if (!held)
      throw new StartError('Nobody is known here under this id. Give it exactly as the recordings do; what was erased can not be exported.')
    console.log(JSON.stringify(held, null, 2))
  } finally {
    await client?.close()
  }
}

/** Null where nobody is known under this id. */
async function heldOn(client: Client, userId: string): Promise<object | null> {
  const { user: person } = await client.execute(HeldPersonDocument, { userId })
  if (!person) return null
  const exportedAt = new Date().toISOString()
  const conversations = await everything(
    async (after) => (await client.execute(HeldConversationsDocument, { userId, after })).user?.conversations,
  )
  const emotions = await everything(async (after) => (await client.execute(HeldEmotionsDocument, { userId, after })).user?.emotions)
  const topics = await everything(async (after) => (await client.execute(HeldTopicsDocument, { userId, after })).user?.topics)
  const alerts = await everything(async (after) => (await client.execute(HeldAlertsDocument, { userId, after })).user?.riskAlerts)
  const withHistory = []
  for (const { node: alert } of alerts) withHistory.push({ ...alert, history: await historyOf(client, alert.id) })
  return {
    exportedAt,
    person,
    conversations: conversations.map(({ node: { topics, ...conversation } }) => ({
      ...conversation,
      topics: topics.map(({ name }) => name),
    })),
    emotions: emotions.map(({ node }) => node),
    topics: topics.map(({ node: { name }, ...counted }) => ({ name, ...counted })),
    alerts: withHistory,
  }
}

async function historyOf(client: Client, alertId: string): Promise<object[]> {
  const events = await everything(async (after) => {
    const { node } = await client.execute(HeldAlertHistoryDocument, { alertId, after })
    return node && 'history' in node ? node.history : null
  })
  return events.map(({ node }) => node)
}

interface PageOf<Edge> {
  pageInfo: { hasNextPage: boolean; endCursor?: string | null }
  edges: Edge[]
}

/** All of a list. Somebody who goes in the middle of it must not be taken for somebody with little. */
async function everything<Edge>(page: (after: string | null) => Promise<PageOf<Edge> | null | undefined>): Promise<Edge[]> {
  const edges: Edge[] = []
  for (let after: string | null = null; ; ) {
    const next: PageOf<Edge> | null | undefined = await page(after)
    if (!next) throw new StartError('The person was erased, or expired, while they were exported: there is nothing more to export.')
    edges.push(...next.edges)
    if (!next.pageInfo.hasNextPage) return edges
    after = next.pageInfo.endCursor ?? null
  }
}
