import { randomUUID } from 'node:crypto'
import { Random } from '../src/demo/random.ts'

/** Bodies of the requests that are measured. */

const ONE = 'mutation Record($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate durability } }'
const MANY = 'mutation Import($input: [RecordConversationInput!]!) { recordConversations(input: $input) { duplicate } }'
const CONTEXT = 'query Context($userId: String!) { user(userId: $userId) { summary context(maxTurns: 3) { text estimatedTokens } } }'

const PHRASES = [
  ...([
    '最近工作压力很大，',
    '晚上总是睡不着，',
    '脑子里一直想着白天没有做完的事情。',
    '我不知道该怎么办，',
    '跟家里人也吵了一架。',
  ] as const),
  ...([
    '听起来你很辛苦。',
    '愿意多说一点吗？',
    '我们可以先从今天发生的一件小事说起。',
    '谢谢你告诉我这些，',
    '先照顾好自己的睡眠。',
  ] as const),
] as const
const random = new Random(1)

const textsOf = (characters: number): string[] =>
  Array.from({ length: 500 }, () => {
    let text = ''
    while (text.length < characters) text += random.pick(PHRASES)
    return text.slice(0, characters)
  })

/** 300 characters together. Different ones: as strings in a script of Redis, equal texts take more time than people's do. */
const QUERIES = textsOf(100)
const RESPONSES = textsOf(200)

export const userName = (i: number): string => `bench-${i}`

const conversation = (user: number, riskLevel = 'LOW') => ({
  userId: userName(user),
  query: QUERIES[random.integer(0, QUERIES.length - 1)],
  response: RESPONSES[random.integer(0, RESPONSES.length - 1)],
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
