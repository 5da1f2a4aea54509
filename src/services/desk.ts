import { uuidv7 } from 'uuidv7'
import { badInput, storeUnavailable, XinyiError } from '../errors.ts'
import type { Durability, RiskAlert } from '../model.ts'
import type { AlertAction, Store, View } from '../store/store.ts'
import type { Staff } from './staff.ts'
import { checkText, checkUserId } from './text.ts'
import type { LogWriter } from './writer.ts'

const MAX_NOTE = 4_000

export interface Deed {
  alertId: string
  /** sub. */
  actor: string
  /** Whom the actor sees; undefined: everybody. Of others there are no alerts. */
  view: View | undefined
  expectedVersion?: number | null | undefined
  note?: string | null | undefined
}

export interface Done {
  /** Whose alert it was. */
  userId: string
  durability: Durability
}

/** Where counselors act upon alerts. Each deed is decided on the alert as it is now, and loses against one that came first. */
export class Desk {
  readonly #store: Store
  readonly #writer: LogWriter
  readonly #staff: Staff
  readonly #clock: () => number

  constructor(store: Store, writer: LogWriter, { staff, clock }: { staff: Staff; clock: () => number }) {
    this.#store = store
    this.#writer = writer
    this.#staff = staff
    this.#clock = clock
  }

  acknowledge(deed: Deed): Promise<Done> {
    return this.#act('ACKNOWLEDGE', deed)
  }

  resolve(deed: Deed & { resolution: string }): Promise<Done> {
    if (deed.resolution.trim() === '')
      throw badInput('resolution is empty.', 'Say in some words how the alert was dealt with.', 'input.resolution')
    checkText('input.resolution', deed.resolution, { max: MAX_NOTE })
    return this.#act('RESOLVE', deed)
  }

  escalate(deed: Deed): Promise<Done> {
    return this.#act('ESCALATE', deed)
  }

  note(deed: Deed): Promise<Done> {
    if (!deed.note?.trim()) throw badInput('note is empty.', 'Say what is to be noted.', 'input.note')
    return this.#act('NOTE', deed)
  }

  /** A counselor (sub; null: nobody) is to look after a user from now on, and after their unresolved alert. */
  async assign(
    userId: string,
    { counselor, actor, reason }: { counselor: string | null; actor: string; reason: string | null },
  ): Promise<Durability> {
    const user = checkUserId(userId)
    const note = checkNote('input.reason', reason)
    if (counselor !== null && !(await this.#staff.has(counselor)))
      throw new XinyiError('NOT_FOUND', 'There is no such counselor.', 'Ask for counselors, and hand back the id of one.', {
        field: 'input.counselorId',
      })
    const written = await this.#submit((acceptedAt) => ({
      ...fact(acceptedAt),
      kind: 'assigned',
      user,
      payload: { counselor, actor, note },
    }))
    if (written.outcome.type !== 'applied')
      throw new XinyiError('NOT_FOUND', 'This user is not known here.', 'Nobody can be assigned; check the userId.', {
        field: 'input.userId',
      })
    return written.durability
  }

  async #act(
    action: AlertAction['action'],
    { alertId, actor, view, expectedVersion, ...deed }: Deed & { resolution?: string },
  ): Promise<Done> {
    const note = checkNote('input.note', deed.note)
    const alert = await this.#find(alertId, view)
    if (expectedVersion != null && expectedVersion !== alert.version) throw conflict(alert)
    if (alert.status === 'RESOLVED' && action !== 'NOTE') throw conflict(alert)
    const { outcome, durability } = await this.#submit((acceptedAt) => ({
      ...fact(acceptedAt),
      kind: 'acted',
      user: alert.userId,
      payload: {
        alertId,
        action,
        actor,
        note,
        // Whatever else is noted meanwhile, a note remains true.
        version: action === 'NOTE' ? (expectedVersion ?? null) : alert.version,
        resolution: deed.resolution ?? null,
        to: action === 'ESCALATE' ? this.#staff.rung(alert, alert.escalation.step + 1, acceptedAt) : [],
        due: null,
      },
    }))
    if (outcome.type !== 'applied') throw gone()
    if (!outcome.kept) throw conflict(await this.#find(alertId, view))
    return { userId: alert.userId, durability }
  }

  async #find(alertId: string, view: View | undefined): Promise<RiskAlert> {
    const { answers } = await this.#store.read([{ kind: 'alert', alertId }], this.#clock(), view)
    if (!answers[0]) throw gone()
    return answers[0]
  }

  async #submit(draft: (acceptedAt: number) => Parameters<LogWriter['submit']>[0]): ReturnType<LogWriter['submit']> {
    const written = await this.#writer.submit(draft(this.#clock()))
    const { outcome } = written
    // The clock was set back behind an erasure; what came after that is there all the same.
    if (outcome.type === 'dead') return this.#writer.submit(draft(outcome.erasedAt + 1))
    if (outcome.type === 'erased') throw storeUnavailable()
    return written
  }
}

const fact = (acceptedAt: number) => ({ id: uuidv7(), acceptedAt, occurredAt: acceptedAt })

function checkNote(field: string, note: string | null | undefined): string | null {
  if (note == null || note.trim() === '') return null
  return checkText(field, note, { max: MAX_NOTE })
}

const gone = (): XinyiError =>
  new XinyiError('NOT_FOUND', 'There is no such alert (any more).', 'Ask for riskAlerts, and hand back the id of one.', {
    field: 'input.alertId',
  })

/** What somebody else has made of the alert meanwhile. */
const conflict = ({ status, version, assignee, level }: RiskAlert): XinyiError =>
  new XinyiError('CONFLICT', 'The alert has changed, so this was not carried out.', 'Look at it as it is now, and decide again.', {
    present: { status, version, assignee, level },
  })
