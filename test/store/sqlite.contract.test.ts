import { sqliteStore } from '../helpers/stores.ts'
import { describeStore } from './contract.ts'

describeStore(sqliteStore)
