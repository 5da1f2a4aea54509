const END: IteratorReturnResult<undefined> = { value: undefined, done: true }

/**
 * Whatever `next` finds, until it finds nothing more or fails. Unlike a generator's, its return does not wait for the next item: `end`, called
 * once, has to bring a `next` that waits to its end.
 */
export function streamOf<T>(next: () => Promise<{ value: T } | null>, end: () => unknown): AsyncIterableIterator<T, undefined> {
  let isOver = false
  const finish = async (): Promise<typeof END> => {
    if (isOver) return END
    isOver = true
    await end()
    return END
  }
  const stream: AsyncIterableIterator<T, undefined> = {
    async next() {
      if (isOver) return END
      try {
        const found = await next()
        return found && !isOver ? { value: found.value, done: false } : finish()
      } catch (error) {
        // How it ends interests nobody who has left.
        if (isOver) return END
        await finish()
        throw error
      }
    },
    return: finish,
    [Symbol.asyncIterator]: () => stream,
  }
  return stream
}

/** What `next` finds, and a failure as the last item. */
export function orFailure<T>(next: () => Promise<{ value: T } | null>): () => Promise<{ value: T | Error } | null> {
  let hasFailed = false
  return async () => {
    if (hasFailed) return null
    try {
      return await next()
    } catch (error) {
      hasFailed = true
      return { value: error instanceof Error ? error : new Error('It failed.', { cause: error }) }
    }
  }
}
