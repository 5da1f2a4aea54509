import { openThread, type Remote } from '../thread/remote.ts'
import type { Ledger } from './ledger.ts'

/** Opens the audit log in a thread of its own. Rejects with a StartError that says why it can't be used. */
export const openLedger = (files: { path: string; headPath: string }): Promise<Remote<Ledger>> =>
  openThread<Ledger>(new URL('./worker.ts', import.meta.url), files)
