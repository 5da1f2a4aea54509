import { localDate } from '../local-time.ts'
import type { Conversation, User } from '../model.ts'
import { CJK_TEXT } from './script.ts'
import { firstCodePoints } from './text.ts'

export interface PromptContext {
  text: string
  estimatedTokens: number
  /** Those in the text, oldest first. */
  conversations: readonly Conversation[]
}

/** Unless asked for more or fewer. */
export const DEFAULT_TURNS = 3
const RESPONSE_CODE_POINTS = 100

/** The latest conversations as text for a language model's prompt, in the predecessor's words; `maxTokens` drops whole ones, oldest first. */
export function promptContext(
  newestFirst: readonly Conversation[],
  { maxTokens = Number.POSITIVE_INFINITY, timeZone }: { maxTokens?: number | undefined; timeZone: string },
): PromptContext {
  for (let kept = newestFirst.length; kept > 0; kept -= 1) {
    const conversations = newestFirst.slice(0, kept).reverse()
    const text = conversations.map((conversation, i) => turn(conversation, i + 1, timeZone)).join('\n\n')
    const tokens = estimatedTokens(text)
    if (tokens <= maxTokens) return { text, estimatedTokens: tokens, conversations }
  }
  return { text: '', estimatedTokens: 0, conversations: [] }
}

const turn = ({ occurredAt, query, response }: Conversation, number: number, timeZone: string): string =>
  `第${number}轮（${localDate(occurredAt, timeZone)}）：\n用户：${query}\n咨询师：${firstCodePoints(response, RESPONSE_CODE_POINTS)}...`

const CJK = new RegExp(`[${CJK_TEXT}]`, 'v')
/** By code unit, 1 for CJK: a look costs a tenth of a regular expression. Made at the start, in some milliseconds. */
const IS_CJK = Uint8Array.from({ length: 0x1_0000 }, (_, unit) => Number(CJK.test(String.fromCharCode(unit))))

/** One for each CJK code point, one for every four others begun. */
export function estimatedTokens(text: string): number {
  let cjk = 0
  let others = 0
  for (let i = 0; i < text.length; i += 1) {
    const codePoint = text.codePointAt(i) ?? 0
    const isAstral = codePoint > 0xffff
    if (isAstral) i += 1
    if (isAstral ? CJK.test(String.fromCodePoint(codePoint)) : IS_CJK[codePoint] === 1) cjk += 1
    else others += 1
  }
  return cjk + Math.ceil(others / 4)
}

/** The predecessor's profile summary, word for word. */
export function profileSummary(user: User, topTopics: readonly string[]): string {
  if (user.totalChats === 0) return '新用户，暂无历史记录。'
  return [
    `该用户已咨询${user.totalChats}次。`,
    topTopics.length > 0 ? `主要困扰领域：${topTopics.join(', ')}。` : '',
    user.totalRiskAlerts > 0 ? `历史风险预警：${user.totalRiskAlerts}次。` : '',
    user.attention === 'NEEDS_ATTENTION' ? '近期情绪波动较大，需重点关注。' : '',
  ].join('')
}
