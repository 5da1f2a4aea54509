/** The longest time that a timer of Node takes. */
const LONGEST_MS = 2 ** 31 - 1

/** Calls back at a time, however far away; answers how to give that up. Keeps no process running. */
export function after(time: number, act: () => void, clock: () => number = Date.now): () => void {
  let timer: NodeJS.Timeout
  const wait = (): void => {
    const left = time - clock()
    timer = left > LONGEST_MS ? setTimeout(wait, LONGEST_MS) : setTimeout(act, Math.max(left, 0))
    timer.unref()
  }
  wait()
  return () => clearTimeout(timer)
}
