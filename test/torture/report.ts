import type { AlertWatch } from './alerts.ts'
import type { ChaosReport } from './chaos.ts'
import type { Instance } from './instance.ts'
import { type Latencies, percentiles } from './latency.ts'
import type { Ledger } from './ledger.ts'
import type { Subscribers } from './subscribers.ts'

export interface Result {
  ledger: Ledger
  latencies: Latencies
  chaos: ChaosReport
  instances: readonly Instance[]
  watches: readonly AlertWatch[]
  subscribers: Subscribers
  seconds: number
  lost: number
  doubled: number
}

const SHOWN = 12
const ms = (value: number): string => (value < 10 ? value.toFixed(1) : String(Math.round(value)))

/** The whole run as a table to read. */
export function report({ ledger, latencies, chaos, instances, watches, subscribers, seconds, lost, doubled }: Result): string {
  const { counts, violations } = ledger
  const of = (kind: string) => violations.filter((each) => each.kind === kind).length
  const faults = [...chaos.faults.values()].reduce((sum, count) => sum + count, 0)
  const lines: string[][] = [['fault', 'times', 'heal p50 ms', 'max ms']]
  for (const [kind, times] of [...chaos.faults].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const heals = chaos.heals.filter((each) => each.kind === kind).map((each) => each.ms)
    const { p50, max } = percentiles(heals)
    lines.push([kind, String(times), ...(heals.length > 0 ? [ms(p50), ms(max)] : ['-', '-'])])
  }
  const all = percentiles(chaos.heals.map((each) => each.ms))
  lines.push(['all', String(faults), ms(all.p50), ms(all.max)], [])
  lines.push(['request, served by', 'count', 'p50 ms', 'p99', 'p99.9', 'max'])
  for (const { name, count, p50, p99, p999, max } of latencies.rows().sort((a, b) => (a.name < b.name ? -1 : 1)))
    lines.push([name, String(count), ms(p50), ms(p99), ms(p999), ms(max)])
  lines.push([])
  const facts: [string, string | number][] = [
    ['acknowledged conversations', `${counts.acknowledged} (${Math.round(counts.acknowledged / seconds)}/s)`],
    ['retried, answered as duplicates', `${counts.retried}, ${counts.duplicates}`],
    ['cleared, erased', `${counts.cleared}, ${counts.erased}`],
    ['acted upon alerts', `${counts.acted}`],
    ['read back at once', counts.readBack],
    ['conflicts asked for', counts.conflicts],
    [
      'alert events told',
      `${watches.reduce((sum, each) => sum + each.told, 0)} (again: ${watches.reduce((sum, each) => sum + each.toldAgain, 0)}, cursors expired: ${watches.reduce((sum, each) => sum + each.expired, 0)})`,
    ],
    ['to those who come and go', subscribers.summary],
    [
      'starts of instances',
      `${instances.reduce((sum, each) => sum + each.starts, 0)} (slowest ${ms(Math.max(...instances.map((each) => each.slowestStartMs)))} ms)`,
    ],
    ['failed at a killed or frozen instance', counts.excused],
    ['LOST', lost],
    ['DOUBLED', doubled],
    ['failed otherwise', of('failed')],
    ['read-your-writes violated', of('read-your-writes')],
    ['all violations', violations.length],
  ]
  for (const [name, value] of facts) lines.push([name, String(value)])
  return `${aligned(lines)}\n${complaints(ledger)}`
}

function aligned(lines: readonly (readonly string[])[]): string {
  const widths = [0, 1, 2, 3, 4, 5].map((i) => Math.max(0, ...lines.filter((line) => line.length > 2).map((line) => line[i]?.length ?? 0)))
  return lines
    .map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(Math.max(38, widths[0] ?? 0)) : cell.padStart(widths[i] ?? 0))).join('  '))
    .join('\n')
}

/** The first violations of each kind. */
function complaints({ violations }: Ledger): string {
  return [...new Set(violations.map(({ kind }) => kind))]
    .flatMap((kind) => {
      const texts = violations.filter((each) => each.kind === kind).map(({ text }) => `  ${text}`)
      return [`VIOLATED: ${kind} (${texts.length})`, ...texts.slice(0, SHOWN), ...(texts.length > SHOWN ? ['  …'] : [])]
    })
    .join('\n')
}
