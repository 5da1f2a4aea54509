import type { Random } from '../../src/demo/random.ts'
import { isRisky, RISKS, type Risk } from './ledger.ts'

export interface Input {
  userId: string
  query: string
  response: string
  riskLevel: Risk
  emotionScore?: number
  references?: number
  topics?: string[]
  occurredAt?: string
  idempotencyKey: string
}

/** In every text that is recorded, so that it can be looked for where it must not be. */
export const MARK = 'torture心忆'
const WORDS = [
  '最近工作压力很大',
  '晚上失眠',
  'I argued with my brother',
  '考试',
  'nobody answers',
  '有点难过',
  'slept well',
  '😶‍🌫️',
  'a "quoted" \\ word',
]
const TOPICS = ['工作', '家庭', 'sleep', 'exam', '人际', 'money', '健康']
const HOUR = 3_600_000

/** A conversation, the same for the same state of `random` but for its time. */
export function inventConversation(random: Random, userId: string, key: string): Input {
  const words = (most: number) =>
    Array.from({ length: random.integer(1, most) }, () => WORDS[random.integer(0, WORDS.length - 1)]).join(' ')
  const riskLevel = random.chance(0.12) ? (RISKS[random.integer(2, 4)] ?? 'MEDIUM') : random.chance(0.1) ? 'UNKNOWN' : 'LOW'
  const input: Input = { userId, query: `${MARK} ${words(6)}`, response: `${MARK} ${words(20)}`, riskLevel, idempotencyKey: key }
  if (random.chance(0.5)) input.emotionScore = Math.round(random.between(-1, 1) * 1e6) / 1e6
  if (random.chance(0.2)) input.references = random.integer(0, 5)
  if (random.chance(0.4))
    input.topics = [...new Set(Array.from({ length: random.integer(1, 3) }, () => TOPICS[random.integer(0, 6)] ?? ''))]
  return input
}

/** The same as one that happened some time ago: it has to take its place in the order. A risky one still raises an alert. */
export const late = (input: Input, random: Random): Input => ({
  ...input,
  occurredAt: new Date(Date.now() - random.integer(1_000, (isRisky(input.riskLevel) ? 2 : 200) * HOUR)).toISOString(),
})
