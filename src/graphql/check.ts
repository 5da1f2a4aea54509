import { badInput } from '../errors.ts'

/** A whole number from a caller within its bounds. */
export function checkRange(field: string, value: number, min: number, max: number): number {
  if (value < min || value > max) throw badInput(`${field} is ${value}.`, `Give ${field} from ${min} to ${max}.`, field)
  return value
}

/** A list from a caller that has to name something: distinct values, in one order, so that equal filters are recognised as equal. */
export function checkChoice<T extends string>(field: string, values: readonly T[] | null | undefined, max: number): T[] | undefined {
  if (!values) return undefined
  if (values.length === 0) throw badInput(`${field} is an empty list.`, `Leave ${field} out, or name at least one.`, field)
  const distinct = [...new Set(values)].sort()
  if (distinct.length > max) throw badInput(`${field} names more than ${max}.`, `Name at most ${max}.`, field)
  return distinct
}
