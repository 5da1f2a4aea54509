// npm run bench [-- name …]: the figures that are promised, each on one line with its target and the command that repeats it.
import { BENCHES } from './benches.ts'

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in BENCHES))
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}: choose from ${Object.keys(BENCHES).join(', ')}.`)
  process.exit(2)
}
let missed = 0
for (const [name, bench] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  try {
    for (const { what, value, unit, target, atLeast, more = '' } of await bench()) {
      const met = atLeast ? value >= target : value <= target
      if (!met) missed += 1
      const shown = value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1)
      console.log(
        `${met ? 'ok    ' : 'MISSED'} ${what}: ${shown} ${unit} (target: ${atLeast ? 'at least' : 'at most'} ${target.toLocaleString('en')})${more && `; ${more}`} — npm run bench -- ${name}`,
      )
    }
  } catch (error) {
    missed += 1
    console.log(`FAILED ${name}: ${error instanceof Error ? error.message : error}`)
  }
}
process.exit(missed > 0 ? 1 : 0)
