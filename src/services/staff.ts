import type { Counselor, RiskAlert } from '../model.ts'
import { isOnDuty, type StaffMember } from '../staff.ts'

/** Who works here. */
export class Staff {
  readonly #members: ReadonlyMap<string, StaffMember>

  constructor(members: readonly StaffMember[]) {
    this.#members = new Map(members.map((member) => [member.sub, member]))
  }

  get all(): Counselor[] {
    return [...this.#members.values()].map(counselorOf)
  }

  /** Whoever goes by this name; of somebody who is not listed (any more) no more is known than that. */
  find(sub: string): Counselor {
    const member = this.#members.get(sub)
    return member ? counselorOf(member) : { sub, name: sub, role: 'COUNSELOR' }
  }

  has(sub: string): boolean {
    return this.#members.has(sub)
  }

  /**
   * Whom a step of an escalation tells: the assigned counselor first, then the counselors on duty, the supervisors, the admins. A rung
   * with nobody on it is passed over; after the last one, that is told again.
   */
  rung({ assignee }: Pick<RiskAlert, 'assignee'>, step: number, at: number): string[] {
    const members = [...this.#members.values()]
    const subs = (which: (member: StaffMember) => boolean) => members.filter(which).map(({ sub }) => sub)
    const rungs = [
      assignee === null ? [] : [assignee],
      subs((member) => member.role === 'COUNSELOR' && member.sub !== assignee && isOnDuty(member, at)),
      subs(({ role }) => role === 'SUPERVISOR'),
      subs(({ role }) => role === 'ADMIN'),
    ].filter((rung) => rung.length > 0)
    return rungs[Math.min(step, rungs.length) - 1] ?? []
  }
}

const counselorOf = ({ sub, name, role }: StaffMember): Counselor => ({ sub, name, role })
