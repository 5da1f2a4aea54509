// npm run soak: throws malformed requests at a server for a minute (or --seconds), and says how it stood that.
import { parseArgs } from 'node:util'
import { fuzz } from './fuzz.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: `${Date.now() % 1_000_000}` } },
})
const { attacks, warmMb, endMb } = await fuzz({ seconds: Number(values.seconds), seed: Number(values.seed) })
console.log(`${attacks} attacks (seed ${values.seed}): it is up, answers, and has ${endMb.toFixed()} MB after ${warmMb.toFixed()} MB.`)
