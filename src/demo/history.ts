import { DAY_MS, type RiskLevel } from '../model.ts'
import type { RecordInput } from '../services/input.ts'
import { anyArc, downwardArc } from './arcs.ts'
import { chinese } from './chinese.ts'
import { english } from './english.ts'
import type { Band, Language, Phrases } from './phrases.ts'
import { Random } from './random.ts'

export interface HistoryOptions {
  seed: number
  users: number
  /** Nothing happens after it. */
  now: number
}

/** An invented conversation; its topics are left for the vocabulary to find. */
export interface Invented extends RecordInput {
  emotionScore: number | null
  references: number
  occurredAt: number
  idempotencyKey: string
}

const HISTORY_DAYS = 90
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const SHARE_IN_CHINESE = 0.6
/** Of so many users one was at risk within the last day, in one of these ways. */
const ONE_AT_RISK_IN = 20
const DANGERS = ['MEDIUM', 'HIGH', 'MEDIUM', 'IMMINENT', 'HIGH'] as const
type Danger = (typeof DANGERS)[number]

/** Three months of invented conversations, user by user, each in the order of time. The same options give the same history. */
export function* generateHistory({ seed, users, now }: HistoryOptions): Generator<Invented> {
  for (let i = 0; i < users; i += 1) {
    const random = new Random(Math.imul(seed + 1, 0x9e3779b1) + Math.imul(i + 1, 0x85ebca6b))
    const danger = i % ONE_AT_RISK_IN === 3 ? DANGERS[Math.floor(i / ONE_AT_RISK_IN) % DANGERS.length] : undefined
    yield* person(`demo-${String(i + 1).padStart(4, '0')}`, random, now, danger)
  }
}

function* person(userId: string, random: Random, now: number, danger: Danger | undefined): Generator<Invented> {
  const language = random.chance(SHARE_IN_CHINESE) ? chinese : english
  const arc = danger ? downwardArc(random) : anyArc(random)
  // Most people have one or two themes that they come back to.
  const themes = [random.pick(language.themes), random.pick(language.themes), random.pick(language.themes)] as const
  const began = now - random.between(5, HISTORY_DAYS) * DAY_MS
  let turn = 0
  for (const { at, last } of visits(random, began, now, danger !== undefined)) {
    const theme = random.pick([themes[0], themes[0], themes[1], themes[2]])
    const mood = arc((at - began) / (now - began))
    const turns = random.integer(1, 3)
    const first = random.integer(0, 2)
    for (let i = 0; i < turns; i += 1) {
      turn += 1
      const occurredAt = Math.round(at + i * random.between(2, 3) * MINUTE_MS)
      const scene = {
        theme,
        place: first + i,
        opening: i === 0,
        mood: near(random, mood),
        danger: last && i === turns - 1 ? danger : undefined,
      }
      yield { userId, idempotencyKey: `${userId}-${turn}`, occurredAt, ...exchange(random, language, scene) }
    }
  }
}

/** When somebody comes: every few days, by day or in the evening; who is at risk came last within the last 20 hours, at any time. */
function* visits(random: Random, began: number, now: number, atRisk: boolean): Generator<{ at: number; last: boolean }> {
  const pause = random.between(3, 9)
  const until = atRisk ? now - DAY_MS : now - 15 * MINUTE_MS
  for (let day = began; day < until; day += random.between(0.5, 1.5) * pause * DAY_MS) {
    const at = day - (day % DAY_MS) + random.between(1, 15) * HOUR_MS
    if (at < until) yield { at, last: false }
  }
  if (atRisk) yield { at: now - random.between(1, 20) * HOUR_MS, last: true }
}

const near = (random: Random, mood: number): number => Math.round(Math.min(1, Math.max(-1, mood + random.between(-0.2, 0.2))) * 100) / 100

interface Scene {
  theme: Record<Band, Phrases>
  /** Which of the theme's phrases: nobody says the same twice in a row. */
  place: number
  opening: boolean
  mood: number
  danger: Danger | undefined
}

function exchange(
  random: Random,
  language: Language,
  { theme, place, opening, mood, danger }: Scene,
): Pick<Invented, 'query' | 'response' | 'riskLevel' | 'emotionScore' | 'references'> {
  const say = (...sentences: readonly string[]) => sentences.filter((sentence) => sentence !== '').join(language.space)
  const about = (band: Band) => theme[band][place % theme[band].length] ?? theme[band][0]
  const riskLevel = danger ?? riskOf(random, mood)
  const references = random.integer(0, 3)
  if (riskLevel === 'MEDIUM' || riskLevel === 'HIGH' || riskLevel === 'IMMINENT') {
    const { said, answered } = language.crises[riskLevel]
    const emotionScore = Math.min(mood, -0.6)
    return { query: say(about('low'), random.pick(said)), response: random.pick(answered), riskLevel, emotionScore, references }
  }
  const band: Band = mood < -0.25 ? 'low' : mood > 0.2 ? 'high' : 'middle'
  return {
    query: say(opening ? random.pick(language.openings[band]) : '', about(band), random.pick(language.endings[band])),
    response: say(random.pick(language.reflections[band]), random.pick(language.suggestions[band])),
    riskLevel,
    emotionScore: riskLevel === 'UNKNOWN' ? null : mood,
    references,
  }
}

function riskOf(random: Random, mood: number): RiskLevel {
  const luck = random.next()
  if (luck < 0.01) return 'UNKNOWN'
  if (mood < -0.8) return luck < 0.2 ? 'HIGH' : luck < 0.6 ? 'MEDIUM' : 'LOW'
  if (mood < -0.6) return luck < 0.3 ? 'MEDIUM' : 'LOW'
  return 'LOW'
}
