import type { TopicRule } from '../vocabulary.ts'
import { CJK_LETTERS } from './script.ts'

interface Matcher {
  topic: string
  pattern: RegExp
}

const compiled = new WeakMap<readonly TopicRule[], readonly Matcher[]>()

/** The topics that a text touches, in the vocabulary's order: CJK words wherever they occur, others as whole words in any case. */
export function topicsIn(text: string, rules: readonly TopicRule[]): string[] {
  let matchers = compiled.get(rules)
  if (!matchers) {
    matchers = rules.filter(({ words }) => words.length > 0).map(({ topic, words }) => ({ topic, pattern: anyOf(words) }))
    compiled.set(rules, matchers)
  }
  const normalized = text.normalize('NFC')
  return matchers.filter(({ pattern }) => pattern.test(normalized)).map(({ topic }) => topic)
}

const HAS_CJK = new RegExp(`[${CJK_LETTERS}]`, 'v')
/** What continues a word: letters, digits and marks, except CJK ones, which need no space between them and an English word. */
const WORD = String.raw`[[\p{L}\p{N}\p{M}_]--[${CJK_LETTERS}]]`

function anyOf(words: readonly string[]): RegExp {
  const literals = words.map((word) => word.normalize('NFC').replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
  const anywhere = literals.filter((word) => HAS_CJK.test(word))
  const whole = literals.filter((word) => !HAS_CJK.test(word))
  if (whole.length > 0) anywhere.push(`(?<!${WORD})(?:${whole.join('|')})(?!${WORD})`)
  return new RegExp(anywhere.join('|'), 'iv')
}
