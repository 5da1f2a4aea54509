import { expect, test } from 'vitest'
import { NOW } from '../../helpers/events.ts'
import { given, type Open } from './harness.ts'

const li = { sub: 'li', name: '李"老师', role: 'COUNSELOR' } as const

export function staff(open: Open): void {
  test('whoever has signed in is known, also after a restart', async () => {
    const it = await given(open)
    expect(await it.store.staff()).toEqual([])
    expect(await it.tell(it.origin.joined(li))).toEqual({ type: 'applied', n: 1, kept: false, alertId: null, removed: null })
    await it.tell(it.origin.joined({ ...li, sub: 'wang' }, NOW + 1))
    expect(new Set(await it.store.staff())).toEqual(
      new Set([
        { at: NOW, ...li },
        { at: NOW + 1, ...li, sub: 'wang' },
      ]),
    )
    expect(await (await it.reopen()).staff()).toHaveLength(2)
  })

  test('the latest name and role stand, in whatever order they come', async () => {
    const it = await given(open)
    const now = { ...li, name: '王老师', role: 'SUPERVISOR' } as const
    await it.append([it.origin.joined(li, NOW), it.origin.joined(now, NOW + 2), it.origin.joined(li, NOW + 1)])
    expect(await it.store.staff()).toEqual([{ at: NOW + 2, ...now }])
  })
}
