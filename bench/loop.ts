// Imported into the server (node --import): how long its event loop was held up, counted from SIGUSR2 on and written to BENCH_LOOP_FILE at each SIGUSR2 and at exit.
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 1
const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
histogram.enable()

const write = (): void => {
  // What is recorded is the time between two ticks.
  const ms = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
  const delay = { p50: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), max: ms(histogram.max) }
  writeFileSync(process.env.BENCH_LOOP_FILE ?? '/dev/null', JSON.stringify(delay))
}

process.on('SIGUSR2', () => {
  write()
  histogram.reset()
})
process.on('exit', write)
