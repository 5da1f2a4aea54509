import { describe } from 'vitest'
import type { StoreKind } from '../helpers/stores.ts'
import { adopted } from './contract/adopted.ts'
import { alerts } from './contract/alerts.ts'
import { deadlines } from './contract/deadlines.ts'
import { hostile } from './contract/hostile.ts'
import { life } from './contract/life.ts'
import { lists } from './contract/lists.ts'
import { log } from './contract/log.ts'
import { recording } from './contract/recording.ts'
import { removal } from './contract/removal.ts'
import { retention } from './contract/retention.ts'
import { staff } from './contract/staff.ts'
import { triage } from './contract/triage.ts'
import { userLists } from './contract/users.ts'
import { views } from './contract/views.ts'

/** What every store promises (src/store/store.ts, docs/architecture.md). A new store runs it whole. */
export function describeStore({ name, open, trims = true }: StoreKind): void {
  describe(`the ${name} store`, () => {
    describe('recording', () => recording(open))
    describe('retention', () => retention(open))
    describe('clearing, expiry and erasure', () => removal(open))
    describe('alerts', () => alerts(open))
    describe('what becomes of alerts', () => triage(open))
    describe('what becomes of alerts as time passes', () => deadlines(open))
    describe('what is taken over from another system', () => adopted(open))
    describe('who has signed in', () => staff(open))
    describe('lists', () => lists(open))
    describe('users', () => userLists(open))
    describe('views', () => views(open))
    describe('the log', () => log(open, { trims }))
    describe('restarts and status', () => life(open))
    describe('hostile input', () => hostile(open))
  })
}
