import * as z from 'zod'

/** What a process of clients is to do. */
export const Job = z.object({
  url: z.string(),
  send: z.enum(['record', 'risky', 'batch', 'context']),
  connections: z.int(),
  /** Requests a second; null: as many as are answered. */
  rate: z.number().nullable(),
  /** Before what is measured: a client that has only just started takes time from the server. */
  warmUpSeconds: z.number().default(0),
  seconds: z.number(),
  users: z.int(),
  /** So many conversations of each come together, in batches. */
  perUser: z.int().default(1),
  /** The user of the first recording; the others follow in turn. */
  first: z.int().default(0),
})
export type Job = z.infer<typeof Job>
export type JobInput = z.input<typeof Job>

/** What came of it. */
export const Measured = z.object({
  /** When it began, as Date.now. */
  epoch: z.number(),
  seconds: z.number(),
  /** When each was due, from the beginning, and how long it took from then (ms); whether it succeeded, and which store served it. */
  requests: z.array(z.tuple([z.number(), z.number(), z.boolean(), z.string()])),
})
export type Measured = z.infer<typeof Measured>
