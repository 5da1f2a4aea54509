import { expect, test } from 'vitest'
import type { Conversation, User } from '../../src/model.ts'
import { estimatedTokens, profileSummary, promptContext } from '../../src/services/prompt.ts'

const conversation = (query: string, response: string, occurredAt = Date.UTC(2026, 10, 20, 4)): Conversation => ({
  id: query,
  userId: 'u',
  occurredAt,
  query,
  response,
  riskLevel: 'LOW',
  emotionScore: null,
  references: 0,
  topics: [],
})
const shanghai = { timeZone: 'Asia/Shanghai' }

test('the context is oldest first, numbered, with a blank line between', () => {
  const { text, conversations } = promptContext([conversation('后来', '好'), conversation('先前', '嗯')], shanghai)
  expect(text).toBe('第1轮（2026-11-20）：\n用户：先前\n咨询师：嗯...\n\n第2轮（2026-11-20）：\n用户：后来\n咨询师：好...')
  expect(conversations.map(({ query }) => query)).toEqual(['先前', '后来'])
})

test('dates are those of the configured zone', () => {
  const late = conversation('q', 'r', Date.UTC(2026, 11, 31, 16, 30))
  expect(promptContext([late], shanghai).text).toContain('（2027-01-01）')
  expect(promptContext([late], { timeZone: 'America/New_York' }).text).toContain('（2026-12-31）')
})

test('a response is shown up to its hundredth code point, an emoji never in half; a query is shown whole', () => {
  const { text } = promptContext([conversation('问'.repeat(500), `${'a'.repeat(99)}😀b`)], shanghai)
  expect(text).toContain(`咨询师：${'a'.repeat(99)}😀...`)
  expect(text).toContain('问'.repeat(500))
  expect(text.isWellFormed()).toBe(true)
})

test('maxTokens leaves out whole conversations, the oldest first, and numbers the rest from 1', () => {
  const three = [conversation('third', 'c'), conversation('second', 'b'), conversation('first', 'a')]
  const whole = promptContext(three, shanghai)
  expect(promptContext(three, { ...shanghai, maxTokens: whole.estimatedTokens }).conversations).toHaveLength(3)
  const cut = promptContext(three, { ...shanghai, maxTokens: whole.estimatedTokens - 1 })
  expect(cut.conversations.map(({ query }) => query)).toEqual(['second', 'third'])
  expect(cut.text).toMatch(/^第1轮.*\n用户：second\n/)
  expect(promptContext(three, { ...shanghai, maxTokens: 0 })).toEqual({ text: '', estimatedTokens: 0, conversations: [] })
})

test('nobody has no context', () => {
  expect(promptContext([], shanghai)).toEqual({ text: '', estimatedTokens: 0, conversations: [] })
})

test('a token is a CJK code point, or up to four others', () => {
  expect(estimatedTokens('')).toBe(0)
  expect(estimatedTokens('焦虑，。（）')).toBe(6)
  expect(estimatedTokens('ひらカタ한글々ー𠮷')).toBe(9)
  expect(estimatedTokens('abcd')).toBe(1)
  expect(estimatedTokens('abcde')).toBe(2)
  expect(estimatedTokens('我abc 😀')).toBe(1 + 2)
  expect(estimatedTokens('𠮷😀\ud842')).toBe(1 + 1)
})

const user: User = {
  userId: 'u',
  createdAt: 0,
  lastActiveAt: 0,
  totalChats: 12,
  totalRiskAlerts: 0,
  currentRisk: 'LOW',
  counselor: null,
  attention: 'NONE',
}

test("the summary is the predecessor's, word for word", () => {
  expect(profileSummary({ ...user, totalChats: 0 }, [])).toBe('新用户，暂无历史记录。')
  expect(profileSummary(user, [])).toBe('该用户已咨询12次。')
  expect(profileSummary({ ...user, attention: 'WATCH' }, ['焦虑', '失眠'])).toBe('该用户已咨询12次。主要困扰领域：焦虑, 失眠。')
  expect(profileSummary({ ...user, totalRiskAlerts: 3, attention: 'NEEDS_ATTENTION' }, ['焦虑'])).toBe(
    '该用户已咨询12次。主要困扰领域：焦虑。历史风险预警：3次。近期情绪波动较大，需重点关注。',
  )
})
