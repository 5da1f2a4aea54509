import { join } from 'node:path'
import type { Store, StoreStatus } from '../../src/store/store.ts'
import { newDataFile, openInstance, until } from '../helpers/joined.ts'
import { emptyRedis, type StoreKind } from '../helpers/stores.ts'
import { describeStore } from './contract.ts'

/** A joined store that is held away from Redis. The thread of its replica is left out, which has nothing to do with what is promised here. */
const away = (name: string, mode: StoreStatus['mode'], urlFor: (path: string) => Promise<string>): StoreKind => ({
  name,
  trims: false,
  async open() {
    const path = newDataFile()
    const url = await urlFor(path)
    const open = async (): Promise<Store> => {
      const { store } = await openInstance({ url, path, seams: { holdReplay: new Promise(() => {}) } })
      await until(store, (status) => status.mode === mode)
      return store
    }
    let store = await open()
    return {
      get store() {
        return store
      },
      async reopen() {
        await store.close()
        store = await open()
        return store
      },
    }
  },
})

describeStore(away('joined, in fallback', 'FALLBACK', async (path) => join(path, '..', 'no-redis.sock')))
describeStore(away('joined, in the middle of a replay', 'REPLAYING', async () => (await emptyRedis()).url))
