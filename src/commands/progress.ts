import { SingleBar } from 'cli-progress'

export interface Progress {
  update(value: number, rows: number): void
  stop(): void
}

/** A progress bar on stderr, where that is a terminal. */
export function startProgress(total: number, unit = 'conversations'): Progress {
  const bar = new SingleBar({
    format: `{bar} {percentage}% · {rows} ${unit} · {eta_formatted} left`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
  })
  bar.start(total, 0, { rows: 0 })
  return {
    update: (value, rows) => bar.update(value, { rows }),
    stop: () => bar.stop(),
  }
}
