import { redisStore } from '../helpers/stores.ts'
import { describeStore } from './contract.ts'

describeStore(redisStore)
