import type { Random } from './random.ts'

/** A mood between -1 and 1 at a moment of somebody's history, which runs from 0 to 1. */
export type Arc = (moment: number) => number

const line = (from: number, to: number, moment: number): number => from + (to - from) * Math.min(1, Math.max(0, moment))

const ARCS: readonly [(random: Random) => Arc, ...((random: Random) => Arc)[]] = [
  function improving(random) {
    const [from, to] = [random.between(-0.8, -0.4), random.between(0.2, 0.7)]
    return (moment) => line(from, to, moment)
  },
  function recovering(random) {
    const [bottom, end] = [random.between(0.3, 0.5), random.between(0.2, 0.6)]
    return (moment) => (moment < bottom ? line(0.1, -0.75, moment / bottom) : line(-0.75, end, (moment - bottom) / (1 - bottom)))
  },
  function steady(random) {
    const level = random.between(-0.25, 0.5)
    return () => level
  },
  function wavering(random) {
    const [level, depth, waves, start] = [random.between(-0.2, 0.2), random.between(0.3, 0.5), random.between(2, 5), random.between(0, 6)]
    return (moment) => level + depth * Math.sin(start + moment * waves * Math.PI)
  },
  worsening,
  breaking,
]

function worsening(random: Random): Arc {
  const [from, to] = [random.between(0.1, 0.5), random.between(-0.8, -0.55)]
  return (moment) => line(from, to, moment)
}

function breaking(random: Random): Arc {
  const [before, at, after] = [random.between(0.1, 0.45), random.between(0.6, 0.9), random.between(-0.9, -0.6)]
  return (moment) => (moment < at ? before : after)
}

export const anyArc = (random: Random): Arc => random.pick(ARCS)(random)
export const downwardArc = (random: Random): Arc => random.pick([worsening, breaking])(random)
