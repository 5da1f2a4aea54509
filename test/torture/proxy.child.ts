// Started by proxy.ts: a proxy to the unix socket argv[2], which prints its URL, and does what the lines of its standard input say.
import { createInterface } from 'node:readline'
import * as z from 'zod'
import { startProxy } from '../helpers/proxy.ts'
import { Order } from './proxy.ts'

const proxy = await startProxy({ path: z.string().parse(process.argv[2]) })
console.log(proxy.url)
for await (const line of createInterface({ input: process.stdin })) {
  const { act, ms } = Order.parse(JSON.parse(line))
  proxy[act](ms)
}
