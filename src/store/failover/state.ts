import type { RedisStore } from '../redis/store.ts'
import type { Backlog } from './backlog.ts'
import type { Tail } from './tail.ts'
import type { Tidy } from './tidy.ts'

export type State =
  | { mode: 'FALLBACK'; since: number }
  /** Redis gets what it lacks; reads stay here. */
  | { mode: 'REPLAYING'; since: number; primary: RedisStore; backlog: Backlog }
  | Primary

export type Primary = { mode: 'PRIMARY'; since: number; primary: RedisStore; tail: Tail; tidy: Tidy }
