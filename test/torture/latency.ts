/** Durations in milliseconds, by what they are durations of. */
export class Latencies {
  readonly #values = new Map<string, number[]>()

  add(name: string, ms: number): void {
    const values = this.#values.get(name)
    if (values) values.push(ms)
    else this.#values.set(name, [ms])
  }

  rows(): { name: string; count: number; p50: number; p99: number; p999: number; max: number }[] {
    return [...this.#values].map(([name, values]) => ({ name, count: values.length, ...percentiles(values) }))
  }
}

export function percentiles(values: readonly number[]): { p50: number; p99: number; p999: number; max: number } {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) }
}
