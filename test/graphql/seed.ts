import type { RiskLevel } from '../../src/model.ts'
import type { Event, Store } from '../../src/store/store.ts'
import { HOUR, MINUTE, NOW, Origin } from '../helpers/events.ts'

const TOPICS = ['焦虑', '抑郁', '压力', '失眠', '工作', '学习', 'family']
const RISKS: readonly RiskLevel[] = ['LOW', 'LOW', 'UNKNOWN', 'MEDIUM', 'LOW', 'HIGH', 'LOW', 'LOW', 'LOW', 'IMMINENT']

export const userName = (i: number): string => `user ${String(i).padStart(4, '0')}`

/** `count` users with `each` conversations, the same at every run: user i is active i minutes ago, and at risk RISKS[i % 10] in the latest. */
export async function seed(store: Store, { count, each = 3 }: { count: number; each?: number }): Promise<void> {
  const origin = new Origin()
  const events: Event[] = []
  for (let i = 0; i < count; i += 1) {
    for (let k = each - 1; k >= 0; k -= 1) {
      const at = NOW - i * MINUTE - k * HOUR
      events.push(
        origin.recorded({
          user: userName(i),
          id: `${i}-${k}`,
          acceptedAt: at,
          query: `问题 ${i} ${k} 🙂`,
          riskLevel: k === 0 ? (RISKS[i % RISKS.length] ?? 'LOW') : 'LOW',
          emotionScore: k === 1 ? null : (i % 7) / 7 - k / 10,
          topics: [TOPICS[i % TOPICS.length] ?? '', TOPICS[(i * k) % TOPICS.length] ?? ''].filter(
            (topic, at, all) => all.indexOf(topic) === at,
          ),
        }),
      )
    }
  }
  for (let i = 0; i < events.length; i += 100) await store.append(events.slice(i, i + 100))
}
