import { inCharge, newDataFile, openInstance, until } from '../helpers/joined.ts'
import { emptyRedis, type OpenedStore } from '../helpers/stores.ts'
import { describeStore } from './contract.ts'

/** The thread of the replica is left out, which has nothing to do with what is promised here, and takes its time to start. */
describeStore({
  name: 'joined, healthy',
  async open(): Promise<OpenedStore> {
    const [{ url }, path] = [await emptyRedis(), newDataFile()]
    let store = (await openInstance({ url, path })).store
    await until(store, inCharge)
    return {
      get store() {
        return store
      },
      async reopen() {
        await store.close()
        store = (await openInstance({ url, path })).store
        await until(store, inCharge)
        return store
      },
    }
  },
})
