import { isDeepStrictEqual } from 'node:util'
import { onTestFinished, vi } from 'vitest'
import { inspect } from '../../src/store/redis/inspect.ts'
import { packUsers } from '../../src/store/redis/pack.ts'
import { packLog } from '../../src/store/redis/pack-log.ts'
import { beginSeed, finishSeed, seedLog, seedUsers } from '../../src/store/redis/seed.ts'
import type { RedisStore } from '../../src/store/redis/store.ts'
import { Sql } from '../../src/store/sqlite/sql.ts'
import { NOW, Origin } from '../helpers/events.ts'
import { inAgreement, inCharge, newDataFile, until } from '../helpers/joined.ts'
import { replicaHere } from '../helpers/this-thread.ts'
import { ALL, valuesOf } from '../store/contract/harness.ts'
import { replaceInScripts, Scene } from './mutants.ts'
import { chatsOf, healed } from './several.ts'

const scene = new Scene()
scene.use()

const nothing = () => {}
const holds = async (store: Parameters<typeof chatsOf>[0], user: string, ids: readonly string[]) =>
  isDeepStrictEqual(await chatsOf(store, user), ids)

scene.notices('without the check of sequence numbers, a repeat that arrives late is applied again', {
  without: () => replaceInScripts("if event.seq <= position.seq then return { 'known', position.seq } end"),
  async keeps() {
    const [store, origin] = [await scene.store(), new Origin()]
    const [first, erasure, second] = [origin.recorded({ id: '1' }), origin.erased('u'), origin.recorded({ id: '2', acceptedAt: NOW + 1 })]
    await store.append([first, erasure, second])
    await store.append([erasure])
    return holds(store, 'u', ['2'])
  },
})

scene.notices('without the check for gaps, what overtakes another event hides it for ever', {
  without: () => replaceInScripts("if event.seq > position.seq + 1 then return { 'gap', position.seq } end"),
  async keeps() {
    const [store, origin] = [await scene.store(), new Origin()]
    const [first, second] = [origin.recorded({ id: '1' }), origin.recorded({ id: '2' })]
    await store.append([second])
    await store.append([first, second])
    return holds(store, 'u', ['1', '2'])
  },
})

scene.notices('without the memory of ids, the same key from two instances counts twice', {
  without: () => replaceInScripts('  if known then return', '  if false then return'),
  async keeps() {
    const store = await scene.store()
    const said = { id: 'key', query: 'the same', response: 'the same' }
    for (const origin of [new Origin(), new Origin()]) await store.append([origin.recorded(said)])
    const { answers } = await store.read([{ kind: 'user', userId: 'u' }], NOW)
    return answers[0]?.totalChats === 1
  },
})

scene.notices('without the fence of epochs, a write into a Redis that was emptied leaves something that nobody can join', {
  without: () => replaceInScripts("if call('HGET', META, 'epoch') ~= batch.epoch then", 'if false then'),
  async keeps() {
    const a = await scene.site()
    await a.record('u', ['1'])
    await until(a.store, inAgreement)
    const [late, { epoch }] = [await scene.store(), await a.store.status()]
    await a.store.pin('sqlite')
    await scene.redis.flushall()
    await late.append([new Origin().recorded()])
    await a.store.pin('auto')
    const refused = /^Redis (has|holds) /
    const { mode } = await until(a.store, (status) => {
      return (inCharge(status) && status.epoch !== epoch) || refused.test(status.redis?.lastError ?? '')
    })
    return mode === 'PRIMARY'
  },
})

scene.notices('without the fence of reads, a Redis that has gone back hides what was just acknowledged', {
  without: () => replaceInScripts("if (number_at(POSITIONS, position[1]) or 0) < position[2] then return { 'behind' } end"),
  async keeps() {
    const a = await scene.site()
    await a.record('u', ['1'])
    await until(a.store, inAgreement)
    const goBack = await scene.remembered()
    await a.record('u', ['2'])
    await goBack()
    return holds(a.store, 'u', ['1', '2'])
  },
})

scene.notices('without the periodic comparison, users that differ between Redis and SQLite stay so', {
  without: nothing,
  async keeps(withoutComparison) {
    const a = await scene.site()
    await a.record('cold', ['1'], { query: 'as it was' })
    await until(a.store, inAgreement)
    await a.store.close()
    const text = (await scene.redis.lindex('user:cold:conversations', 0)) ?? ''
    await scene.redis.lset('user:cold:conversations', 0, text.replace('as it was', 'as it is now'))
    const again = await scene.site({ path: a.instance.path, seams: { withoutComparison } })
    await until(again.store, inAgreement)
    await again.store.pin('sqlite')
    const { answers } = await again.store.read([{ kind: 'conversations', userId: 'cold', page: ALL }], NOW)
    return valuesOf(answers[0])[0]?.query === 'as it is now'
  },
})

scene.notices('without the check of tombstones, what was accepted before an erasure comes back with a late instance', {
  without: () => replaceInScripts('return event.at <= tombstone or event.occurred <= tombstone end', 'return false end'),
  async keeps() {
    const [store, origin, late] = [await scene.store(), new Origin(), new Origin()]
    await store.append([origin.recorded({ id: '1' }), origin.erased('u', NOW + 1)])
    await store.append([late.recorded({ id: '2' })])
    return holds(store, 'u', [])
  },
})

scene.notices('without the check of tombstones, an old copy of an erased user is put back', {
  without: () =>
    replaceInScripts(
      "if not overdue and (erased > request.erasedAt or request.since > 0 and request.since <= erased) then return 'refused' end",
    ),
  async keeps() {
    const [store, origin] = [await scene.store(), new Origin()]
    await store.append([origin.recorded({ id: '1' })])
    const { copies } = await store.copies({ users: ['u'] })
    await store.append([origin.erased('u', NOW + 1)])
    for (const copy of copies) await store.restore(copy)
    return holds(store, 'u', [])
  },
})

/** What fills an empty Redis, and how to begin with it. */
async function seeds(store: RedisStore) {
  const [head, { copies }] = [await store.head(), await store.copies({ after: '', limit: 10 })]
  const { entries } = await store.log({ epoch: store.epoch, n: 0 }, 10)
  await store.close()
  await scene.redis.flushall()
  return async (token: string, leaseMs: number, over?: Awaited<ReturnType<typeof inspect>>) => {
    const redis = await scene.connection()
    const begun = await beginSeed(redis, { dataSetId: head.dataSetId, token, leaseMs, over: over ?? (await inspect(redis)) })
    return {
      begun,
      async finish() {
        await seedUsers(redis, token, packUsers(copies, { ...head, timeZone: 'Asia/Shanghai' }))
        await seedLog(redis, token, packLog(entries))
        await finishSeed(redis, token, head)
      },
    }
  }
}

scene.notices('without the token of the lease, an instance that wakes late destroys what was recorded since', {
  without: () => replaceInScripts("if redis.call('GET', LEASE) ~= token then return false end", 'do return true end'),
  async keeps() {
    const [before, origin] = [await scene.store(), new Origin()]
    await before.append([origin.recorded({ id: '1' })])
    const begin = await seeds(before)
    const frozen = await begin('frozen', 100)
    await vi.waitUntil(async () => (await scene.redis.exists('xinyi:lease')) === 0, { interval: 5 })
    const other = await begin('other', 5_000)
    await other.finish()
    const store = await scene.store()
    await store.append([origin.recorded({ id: '2' })])
    await frozen.finish().catch(nothing)
    return holds(await scene.store(), 'u', ['1', '2'])
  },
})

scene.notices('without a second look when the lease is taken, an instance that saw Redis empty wipes what another has filled', {
  without: () => replaceInScripts("if state ~= over.state then return 0 end\nif state == 'ready' and", 'if false and'),
  async keeps() {
    const [before, origin] = [await scene.store(), new Origin()]
    await before.append([origin.recorded({ id: '1' })])
    const begin = await seeds(before)
    await (await begin('first', 5_000)).finish()
    const { begun } = await begin('second', 5_000, { state: 'empty' })
    return !begun && holds(await scene.store(), 'u', ['1'])
  },
})

scene.notices('without the verification of its log, a Redis restored from an older copy never gets what it lacks', {
  without: nothing,
  async keeps(withoutVerification) {
    const a = await scene.site()
    await a.record('u', ['1'])
    await until(a.store, inAgreement)
    const goBack = await scene.remembered()
    await a.record('u', ['2'])
    await a.store.pin('sqlite')
    await a.store.close()
    await goBack()
    const again = await scene.site({ path: a.instance.path, seams: { withoutVerification } })
    await until(again.store, inCharge)
    return holds(await scene.store(), 'u', ['1', '2'])
  },
})

scene.notices('without the check whether the log here is newer than a copy, taking a user over undoes what came since', {
  without: () => {
    const exists = Sql.prototype.exists
    const spy = vi.spyOn(Sql.prototype, 'exists').mockImplementation(function (this: Sql, sql, ...params) {
      return sql.startsWith('SELECT 1 FROM log WHERE user_id = ? AND n > ?') ? false : exists.call(this, sql, ...params)
    })
    onTestFinished(() => spy.mockRestore())
  },
  async keeps() {
    const path = newDataFile()
    const a = await scene.site({ path })
    await a.record('u', ['1'])
    await healed(scene.server, [a])
    const store = await scene.store()
    const { copies, n, positions } = await store.copies({ users: ['u'] })
    await a.record('u', ['2'])
    await a.store.pin('sqlite')
    await a.store.close()
    const replica = replicaHere(path)
    await replica.replaceUsers({ copies, epoch: store.epoch, n, positions })
    await replica.close()
    const alone = await scene.site({ url: `${path}.no-redis`, path })
    return holds(alone.store, 'u', ['1', '2'])
  },
})
