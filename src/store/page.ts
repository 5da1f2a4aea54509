/** Parts of an ordering. */

/** A place in an ordering: the sort number, then the id by UTF-8 bytes. */
export type Key = readonly [sort: number, id: string]

/** Which part of an ordering: between the keys (both exclusive), the first or the last `limit`. */
export interface Page {
  limit: number
  take: 'first' | 'last'
  after?: Key | undefined
  before?: Key | undefined
}

export interface Slice<T> {
  items: readonly { key: Key; value: T }[]
  hasPrevious: boolean
  hasNext: boolean
  /** Size of the whole ordering; null when filtered. */
  total: number | null
  /** Where a filtered walk stopped before the page was full; the next page goes on from here. */
  resume: Key | null
}
