import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../../src/demo/random.ts'
import type { FaultKind } from './faults/kinds.ts'
import { linkFaults, writerFaults } from './faults/others.ts'
import { redisFaults } from './faults/redis.ts'
import { healed, type World } from './world.ts'

const FAULTS: Record<FaultKind, (world: World, random: Random) => Promise<void>> = { ...redisFaults, ...linkFaults, ...writerFaults }

/** What two faults must not do to at once. */
const partsOf = (kind: FaultKind): string[] => {
  if (kind === 'restart-all') return ['redis', 'process']
  if (kind in redisFaults) return ['redis']
  return kind in linkFaults ? ['link'] : ['process']
}

/** Users whose keys are lost while no server has yet taken everybody over are left to others for 15 s, and that may begin behind what came before. */
const HEAL_LIMIT_MS = 30_000

export interface ChaosReport {
  faults: Map<FaultKind, number>
  /** From the end of a fault until all is well again, in ms. */
  heals: { kind: FaultKind; ms: number }[]
}

/** One fault after the other, sometimes two at once, sometimes the next before the last is healed. Ends with nothing broken. */
export async function rage(world: World, kinds: readonly FaultKind[], seed: number, seconds: number): Promise<ChaosReport> {
  const random = new Random(seed)
  const report: ChaosReport = { faults: new Map(), heals: [] }
  const until = performance.now() + seconds * 1_000
  const deal = dealer(kinds, random)
  await sleep(Math.min(1_500, seconds * 200))
  while (performance.now() < until && kinds.length > 0) {
    const chosen = deal()
    for (const kind of chosen) report.faults.set(kind, (report.faults.get(kind) ?? 0) + 1)
    console.log(`${new Date().toISOString()} ${chosen.join(' + ')}`)
    world.ledger.trace(`FAULT ${chosen.join(' + ')}`)
    await Promise.all(chosen.map((kind) => inflict(world, kind, new Random(random.integer(0, 2 ** 32 - 1)))))
    world.ledger.trace(`MENDED ${chosen.join(' + ')}`)
    if (random.chance(0.4)) await sleep(random.integer(0, 400))
    else {
      const result = await healed(world.instances, HEAL_LIMIT_MS)
      if ('sick' in result)
        world.ledger.violated('not healed', `${HEAL_LIMIT_MS} ms after ${chosen.join(' + ')}: ${result.sick.join('; ')}`)
      else {
        world.ledger.trace(`HEALED after ${Math.round(result.ms)} ms`)
        for (const kind of chosen) report.heals.push({ kind, ms: result.ms })
      }
    }
  }
  await sleep(Math.max(0, until - performance.now()))
  return report
}

/** Deals one kind, or two that go together, from a shuffled deck of all: none is left out for long. */
function dealer(kinds: readonly FaultKind[], random: Random): () => FaultKind[] {
  let deck: FaultKind[] = []
  return () => {
    if (deck.length === 0)
      deck = kinds
        .map((kind) => ({ kind, place: random.next() }))
        .sort((a, b) => a.place - b.place)
        .map(({ kind }) => kind)
    const first = deck.pop()
    if (!first) return []
    const second = random.chance(0.3) ? deck.findIndex((kind) => !partsOf(kind).some((part) => partsOf(first).includes(part))) : -1
    return second === -1 ? [first] : [first, ...deck.splice(second, 1)]
  }
}

async function inflict(world: World, kind: FaultKind, random: Random): Promise<void> {
  try {
    await FAULTS[kind](world, random)
  } catch (error) {
    throw new Error(`The fault ${kind} could not be inflicted or taken back`, { cause: error })
  }
}
