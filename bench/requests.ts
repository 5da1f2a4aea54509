import { randomUUID } from 'node:crypto'

/** Bodies of the requests that are measured. */

const ONE = 'mutation Record($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate durability } }'
const MANY = 'mutation Import($input: [RecordConversationInput!]!) { recordConversations(input: $input) { duplicate } }'
const CONTEXT = 'query Context($userId: String!) { user(userId: $userId) { summary context(maxTurns: 3) { text estimatedTokens } } }'

/** 300 characters together. */
const QUERY = '最近工作压力很大，晚上总是睡不着，脑子里一直想着白天没有做完的事情。'.repeat(3).slice(0, 100)
const RESPONSE = '听起来你很辛苦。愿意多说一点吗？我们可以先从今天发生的一件小事说起。'.repeat(7).slice(0, 200)

export const userName = (i: number): string => `bench-${i}`

const conversation = (user: number, riskLevel = 'LOW') => ({
  userId: userName(user),
  query: QUERY,
  response: RESPONSE,
  riskLevel,
  emotionScore: -0.25,
  topics: ['sleep', '工作'],
  idempotencyKey: randomUUID(),
})

export const recordOne = (user: number, riskLevel?: 'HIGH'): string =>
  JSON.stringify({ query: ONE, variables: { input: conversation(user, riskLevel) } })
export const recordMany = (users: readonly number[]): string =>
  JSON.stringify({ query: MANY, variables: { input: users.map((user) => conversation(user)) } })
export const askContext = (user: number): string => JSON.stringify({ query: CONTEXT, variables: { userId: userName(user) } })
