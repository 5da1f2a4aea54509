import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Caller, Role } from '../../src/model.ts'
import { Staff } from '../../src/services/staff.ts'
import { LogWriter } from '../../src/services/writer.ts'
import type { Store } from '../../src/store/store.ts'
import { eventually } from '../faults/one.ts'
import { NOW } from '../helpers/events.ts'
import { STAFF } from '../helpers/staff.ts'
import { sqliteStore } from '../helpers/stores.ts'

const caller = (sub: string, role: Role = 'COUNSELOR', name = `${sub} by token`): Caller => ({ sub, name, roles: [role] })

function instance(store: Store, { listed = STAFF, now = { time: NOW } } = {}) {
  const writer = new LogWriter(store)
  onTestFinished(() => writer.close())
  return new Staff({ listed, store, writer, clock: () => now.time, logger: pino({ level: 'silent' }) })
}

const sqlite = async (): Promise<Store> => (await sqliteStore.open()).store
const n = async (store: Store) => (await store.status()).n

describe('whoever of the staff has signed in', () => {
  test('is known at every server, can be assigned to users, and is listed', async () => {
    const store = await sqlite()
    const [here, there] = [instance(store), instance(store)]
    expect(await there.has('new')).toBe(false)
    here.joined(caller('new', 'SUPERVISOR'))
    await eventually(async () => (await store.staff()).length === 1)
    const known = { sub: 'new', name: 'new by token', role: 'SUPERVISOR' }
    expect(await there.all()).toContainEqual(known)
    expect([await there.has('new'), await there.find('new')]).toEqual([true, known])
    expect(await there.has('nobody')).toBe(false)
  })

  test('is called what STAFF_FILE says, where it lists them', async () => {
    const store = await sqlite()
    const staff = instance(store)
    const [listed] = STAFF
    staff.joined(caller(listed?.sub ?? '', 'ADMIN'))
    await eventually(async () => (await store.staff()).length === 1)
    expect(await staff.all()).toHaveLength(STAFF.length)
    expect(await staff.find(listed?.sub ?? '')).toMatchObject({ name: listed?.name, role: listed?.role })
  })

  test('is written down once, and again only under another name or with another role', async () => {
    const store = await sqlite()
    const [first, second] = [instance(store), instance(store)]
    for (let i = 0; i < 3; i += 1) first.joined(caller('new'))
    await eventually(async () => (await n(store)) === 1)
    second.joined(caller('new'))
    second.joined(caller('new', 'COUNSELOR', 'renamed'))
    await eventually(async () => (await store.staff())[0]?.name === 'renamed')
    expect(await n(store)).toBe(2)
  })

  test('is no service: what signs in as one is nobody to be assigned', async () => {
    const store = await sqlite()
    const staff = instance(store)
    staff.joined(caller('backend', 'SERVICE'))
    staff.joined(caller('new'))
    await eventually(async () => (await store.staff()).length === 1)
    expect(await staff.has('backend')).toBe(false)
  })

  test('is told by no step of an escalation unless they are assigned: when they are on duty is not known', async () => {
    const store = await sqlite()
    const staff = instance(store, { listed: [] })
    staff.joined(caller('new', 'ADMIN'))
    await eventually(async () => (await store.staff()).length === 1)
    expect(staff.rung({ assignee: null }, 1, NOW)).toEqual([])
    expect(staff.rung({ assignee: 'new' }, 1, NOW)).toEqual(['new'])
  })

  test('is served although it can not be written down, and is written down when they come again', async () => {
    const store = await sqlite()
    const now = { time: NOW }
    const failing = { isAway: true }
    const writer = new LogWriter(store)
    onTestFinished(() => writer.close())
    const asked: string[] = []
    const staff = new Staff({
      listed: [],
      store: {
        staff: async () => {
          asked.push('staff')
          if (failing.isAway) throw new Error('away')
          return store.staff()
        },
      },
      writer,
      clock: () => now.time,
      logger: pino({ level: 'silent' }),
    })
    staff.joined(caller('new'))
    await eventually(() => asked.length === 1)
    failing.isAway = false
    now.time += 60_000
    await eventually(async () => {
      staff.joined(caller('new'))
      return (await store.staff()).length === 1
    })
  })
})
