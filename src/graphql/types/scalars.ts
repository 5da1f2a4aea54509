import { GraphQLError, Kind, type ValueNode } from 'graphql'
import * as z from 'zod'
import { builder } from '../builder.ts'

/** Times from 1970 to the year 2286, which every store can hold and sort. */
const MAX_TIME = 1e13

const DateTime = z.iso
  .datetime({ offset: true })
  .regex(/T\d\d:\d\d:\d\d/) // RFC 3339 has seconds, ISO 8601 need not
  .transform((text) => Date.parse(text))
  .pipe(z.number().int().min(0).max(MAX_TIME))

function parse(value: unknown, nodes?: ValueNode): number {
  const parsed = DateTime.safeParse(typeof value === 'string' ? value.toUpperCase() : value)
  if (parsed.success) return parsed.data
  throw new GraphQLError('DateTime must be RFC 3339 text with a zone, such as 2026-11-22T18:30:00+08:00, from 1970 to 2286.', {
    nodes: nodes ?? null,
  })
}

builder.scalarType('DateTime', {
  description:
    'A moment, as RFC 3339 text. Given with a zone (`2026-11-22T18:30:00+08:00`, or `Z`), from 1970 to 2286; answered in UTC with milliseconds (`2026-11-22T10:30:00.000Z`).',
  serialize: (time) => new Date(time).toISOString(),
  parseValue: (value) => parse(value),
  parseLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : null, node),
})
