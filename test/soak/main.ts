// npm run soak: what takes minutes to be sure of. `npm run soak -- fuzz` throws malformed requests at a server, `-- backup` takes backups under load
// and restores them; without a name, both. --seconds of the fuzzing, --rounds of backups, --seed of both.
import { parseArgs } from 'node:util'
import { fuzz } from '../fuzz/fuzz.ts'
import { backupUnderLoad } from './backup.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
  },
})
const seed = Number(values.seed)

const PARTS: Record<string, () => Promise<void>> = {
  async fuzz() {
    const { attacks, warmMb, endMb } = await fuzz({ seconds: Number(values.seconds), seed })
    console.log(`${attacks} attacks (seed ${seed}): it is up, answers, and has ${endMb.toFixed()} MB after ${warmMb.toFixed()} MB.`)
  },
  async backup() {
    const rounds = Number(values.rounds)
    for (let i = 0; i < rounds; i += 1) {
      const { events, n, pending, users } = await backupUnderLoad(seed + i)
      console.log(
        `backup ${i + 1} of ${rounds} (seed ${seed + i}): ${n} of ${events} events, and ${pending} that wait for Redis; ${users} users, restored to the very point.`,
      )
    }
  },
}

const unknown = positionals.filter((name) => !Object.hasOwn(PARTS, name))
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}: ${Object.keys(PARTS).join(', ')}.`)
  process.exitCode = 2
} else {
  for (const [name, run] of Object.entries(PARTS)) if (positionals.length === 0 || positionals.includes(name)) await run()
}
