import type { Reads, Slice } from '../store/store.ts'

const NO_ITEMS: Slice<never> = { items: [], hasNext: false, hasPrevious: false, total: 0, resume: null }

/** What a store answers to each kind of read that has nobody in it. */
export const NOTHING: { readonly [K in keyof Reads]: Reads[K]['answer'] } = {
  user: null,
  users: NO_ITEMS,
  conversations: NO_ITEMS,
  conversation: null,
  emotions: NO_ITEMS,
  emotion: null,
  userTopics: [],
  topic: null,
  topics: NO_ITEMS,
  topicUsers: NO_ITEMS,
  alert: null,
  alerts: NO_ITEMS,
  userAlerts: NO_ITEMS,
  alertHistory: NO_ITEMS,
  dueAlerts: [],
  overview: { users: 0, activeUsers: 0, openAlerts: 0, unassignedHigh: 0, oldestOpenRaisedAt: null },
  alertCounts: [],
}
