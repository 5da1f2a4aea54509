import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { RiskAlert } from '../model.ts'
import type { AlertAction, Store } from '../store/store.ts'
import { dueAt } from '../store/triage.ts'
import { Recent } from './recent.ts'
import type { Staff } from './staff.ts'
import type { LogWriter } from './writer.ts'

const EVERY_MS = 500
const AT_ONCE = 100
const REMEMBERED = 10_000
const SAID_AGAIN_MS = 60_000
/** What follows from the passing of time for an alert in each state. */
const DUE = { OPEN: 'ESCALATE', ACKNOWLEDGED: 'LAPSE', RESOLVED: 'EXPIRE' } as const

/**
 * Says what follows from the passing of time alone: that an alert nobody has acknowledged is escalated, that an acknowledgement which was
 * not renewed lapses, and that an alert which was resolved long ago goes. What is due is kept with the alert, so a restart neither loses nor repeats it; and whichever instance says
 * it first, it is one fact with one id.
 */
export class Escalation {
  readonly #store: Store
  readonly #writer: LogWriter
  readonly #staff: Staff
  readonly #clock: () => number
  readonly #logger: Logger
  readonly #closing = new AbortController()
  /** When something was said: where nothing came of it, it would be due for ever, and fill the log. */
  readonly #said = new Recent<string, number>(REMEMBERED)
  #running: Promise<void> | undefined

  constructor(store: Store, writer: LogWriter, options: { staff: Staff; clock: () => number; logger: Logger }) {
    this.#store = store
    this.#writer = writer
    this.#staff = options.staff
    this.#clock = options.clock
    this.#logger = options.logger
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  /** Says what is due by now, the longest due first. Answers about how many alerts. */
  async tick(): Promise<number> {
    const now = this.#clock()
    const { answers } = await this.#store.read([{ kind: 'dueAlerts', until: now, limit: AT_ONCE }], now)
    const said = await Promise.all(answers[0].map((alert) => this.#follow(alert, now)))
    return said.filter(Boolean).length
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    let failing = false
    while (!signal.aborted) {
      try {
        const said = await this.tick()
        if (failing) this.#logger.info('alerts are escalated again')
        failing = false
        if (said === AT_ONCE) continue
      } catch (error) {
        if (signal.aborted) return
        if (!failing) this.#logger.error({ err: error }, 'alerts can not be escalated; it is tried again')
        failing = true
      }
      await setTimeout(EVERY_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  async #follow(alert: RiskAlert, now: number): Promise<boolean> {
    const due = dueAt(alert)
    if (due === null) return false
    const { id: alertId, userId: user, status, escalation, version } = alert
    const action = DUE[status]
    const step = escalation.step + 1
    const payload: AlertAction = {
      ...{ alertId, action, version: null, actor: null, note: null, resolution: null, due },
      to: action === 'ESCALATE' ? this.#staff.rung(alert, step, now) : [],
    }
    // The version, because the same deadline may come again when the alert was reopened.
    const id = createHash('sha256').update([alertId, action, version, step, due].join('\0')).digest('hex')
    const said = this.#said.get(id)
    if (said !== undefined && Math.abs(now - said) < SAID_AGAIN_MS) return false
    await this.#writer.submit({ id, kind: 'acted', user, acceptedAt: due, occurredAt: due, payload })
    this.#said.set(id, now)
    return true
  }
}
