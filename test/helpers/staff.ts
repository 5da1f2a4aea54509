import type { StaffMember } from '../../src/staff.ts'

const member = (sub: string, name: string, role: StaffMember['role'], duty: StaffMember['duty'] = []): StaffMember => ({
  ...{ sub, name, role, duty },
  zone: 'Asia/Shanghai',
})

/** Invented people. NOW (helpers/events.ts) is a Friday, 20:00 in Shanghai. */
export const STAFF: readonly StaffMember[] = [
  member('li', '李老师', 'COUNSELOR', [{ days: [1, 2, 3, 4, 5], from: 9 * 60, to: 18 * 60 }]),
  member('wang', '王老师', 'COUNSELOR', [{ days: [5], from: 18 * 60, to: 2 * 60 }]),
  member('zhao', '赵老师', 'COUNSELOR', [{ days: [5], from: 18 * 60, to: 24 * 60 }]),
  member('chief', '陈主任', 'SUPERVISOR'),
  member('root', '管理员', 'ADMIN'),
]
