import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

const SETPRIV = '/usr/bin/setpriv'
const running = new Set<ChildProcess>()

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/**
 * A child that does not outlive this process: killed when this one ends, and by the kernel when this one is killed itself
 * (where setpriv, of util-linux, is there to ask for that).
 */
export function spawnTied(program: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const tied = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', program, ...args] : [program, ...args]
  const [command = program, ...rest] = tied
  const child = spawn(command, rest, options)
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}
