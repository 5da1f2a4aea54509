import * as z from 'zod'

/** What the clients send, and how the data of the answers must look. */

export const RECORD = /* GraphQL */ `mutation Record($input: RecordConversationInput!) {
  recordConversation(input: $input) { duplicate durability conversation { id } user { totalChats } alert { id } }
}`
const Recorded = z.object({
  duplicate: z.boolean(),
  durability: z.enum(['BOTH', 'JOURNAL']),
  conversation: z.object({ id: z.string() }).nullable(),
  user: z.object({ totalChats: z.int() }),
  alert: z.object({ id: z.string() }).nullable(),
})
export type Recorded = z.infer<typeof Recorded>
export const RecordData = z.object({ recordConversation: Recorded })

export const RECORD_MANY = /* GraphQL */ `mutation RecordMany($input: [RecordConversationInput!]!) {
  recordConversations(input: $input) { duplicate durability conversation { id } user { totalChats } alert { id } }
}`
export const RecordManyData = z.object({ recordConversations: z.array(Recorded.nullable()) })

export const CLEAR = /* GraphQL */ `mutation Clear($userId: String!) { clearHistory(userId: $userId) { removedConversations } }`
export const ERASE = /* GraphQL */ `mutation Erase($userId: String!) { eraseUser(userId: $userId, reason: "torture") { userId } }`

export const ACKNOWLEDGE = /* GraphQL */ `mutation Acknowledge($input: AlertActionInput!) { acknowledgeRiskAlert(input: $input) { durability } }`
export const NOTE = /* GraphQL */ `mutation Note($input: AlertActionInput!) { addRiskAlertNote(input: $input) { durability } }`
export const HISTORY = /* GraphQL */ `query History($id: ID!, $after: String) { node(id: $id) { ... on RiskAlert {
  history(first: 100, after: $after) { pageInfo { hasNextPage endCursor } edges { node { note } } }
} } }`
export const HistoryData = z.object({
  node: z
    .object({
      history: z.object({
        pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
        edges: z.array(z.object({ node: z.object({ note: z.string().nullable() }) })),
      }),
    })
    .nullable(),
})

export const CONTEXT = /* GraphQL */ `query Context($userId: String!, $turns: Int!) {
  user(userId: $userId) { totalChats context(maxTurns: $turns) { conversations { id } } }
}`
export const ContextData = z.object({
  user: z.object({ totalChats: z.int(), context: z.object({ conversations: z.array(z.object({ id: z.string() })) }) }).nullable(),
})

export const STORAGE = /* GraphQL */ `{ storage {
  backend mode pendingWrites
  redis { reachable lastError }
  reconciliation { finishedAt pushed pulled repaired inAgreement }
} }`
export const StorageData = z.object({
  storage: z.object({
    backend: z.enum(['REDIS', 'SQLITE']),
    mode: z.enum(['EMBEDDED', 'PRIMARY', 'FALLBACK', 'REPLAYING']),
    pendingWrites: z.int(),
    redis: z.object({ reachable: z.boolean(), lastError: z.string().nullable() }).nullable(),
    reconciliation: z
      .object({
        finishedAt: z.string().nullable(),
        pushed: z.int(),
        pulled: z.int(),
        repaired: z.int(),
        inAgreement: z.boolean().nullable(),
      })
      .nullable(),
  }),
})
export type Storage = z.infer<typeof StorageData>['storage']

export const USERS = /* GraphQL */ `query Users($after: String) {
  users(first: 15, after: $after, orderBy: USER_ID_ASC) {
    pageInfo { hasNextPage endCursor }
    edges { node {
      userId createdAt lastActiveAt totalChats totalRiskAlerts currentRisk attention summary
      conversations(first: 60) { totalCount edges { node { id occurredAt query response riskLevel emotionScore references topics { name } } } }
      emotions(first: 60) { totalCount edges { node { id occurredAt score riskLevel } } }
      topics(first: 20) { totalCount edges { count firstSeenAt lastSeenAt node { name } } }
      riskAlerts(first: 3) { totalCount edges { node {
        id level status occurrences raisedAt lastSeenAt version
        trigger { occurredAt query response riskLevel }
        history(last: 60) { totalCount edges { node { id kind at level } } }
      } } }
    } }
  }
}`
const list = <T extends z.ZodType>(node: T) => z.looseObject({ totalCount: z.int().nullable(), edges: z.array(z.looseObject({ node })) })
export const UserDump = z.looseObject({
  userId: z.string(),
  totalChats: z.int(),
  totalRiskAlerts: z.int(),
  conversations: list(z.looseObject({ id: z.string(), occurredAt: z.string() })),
  riskAlerts: list(z.looseObject({ id: z.string(), level: z.string(), occurrences: z.int() })),
})
export type UserDump = z.infer<typeof UserDump>
export const UsersData = z.object({
  users: z.object({
    pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
    edges: z.array(z.object({ node: UserDump })),
  }),
})
