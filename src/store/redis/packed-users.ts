import { z } from 'zod'
import type { Pack } from '../copy.ts'

/** Users as Redis has packed them, as many as are put back at once. */
export interface PackedUsers {
  users: readonly string[]
  /** How many keys they have. */
  keys: number
  /** The commands that put these keys back, and those that list the users; they go to Redis as they are. */
  restoring: Uint8Array
  listing: Uint8Array
}

/** What packed.lua says of a user. */
const aboutSchema = z.tuple([z.int()]).rest(z.tuple([z.string(), z.string()]).rest(z.string()))
/** Of a text of which each character is a byte. */
const argument = (text: string): string => `$${text.length}\r\n${text}\r\n`

/** One transaction: some milliseconds of Redis. */
const TRANSACTION_BYTES = 1_400_000

interface Transaction {
  packs: Pack[]
  restoring: Uint8Array
}

/** Users, in transactions. What puts their keys back is not copied, where that of one lies right behind that of another. */
export function packedUsers(packs: readonly Pack[]): PackedUsers[] {
  const transactions: Transaction[] = []
  for (const pack of packs) {
    const { buffer, length } = pack.commands
    const open = transactions.at(-1)
    if (open && open.restoring.length < TRANSACTION_BYTES && isBehind(pack.commands, open.restoring)) {
      open.packs.push(pack)
      open.restoring = new Uint8Array(buffer, open.restoring.byteOffset, open.restoring.length + length)
    } else transactions.push({ packs: [pack], restoring: pack.commands })
  }
  return transactions.map(({ packs, restoring }) => ({ users: packs.map(({ user }) => user), restoring, ...listed(packs) }))
}

const isBehind = (bytes: Uint8Array, before: Uint8Array): boolean =>
  bytes.buffer === before.buffer && bytes.byteOffset === before.byteOffset + before.length

function listed(packs: readonly Pack[]): Pick<PackedUsers, 'keys' | 'listing'> {
  const listing = new Listing()
  let keys = 0
  for (const { about } of packs) {
    const [own, ...commands] = aboutSchema.parse(JSON.parse(Buffer.from(about.buffer, about.byteOffset, about.length).toString('latin1')))
    for (const command of commands) listing.add(command)
    keys += own
  }
  return { keys, listing: listing.toBytes() }
}

/** Commands of many users, as few as can be: of those on one key that take any number of arguments is made one, and increments are added up. */
class Listing {
  readonly #lists = new Map<string, { command: string; key: string; count: number; rest: string }>()
  readonly #sums = new Map<string, { key: string; sum: number; member: string }>()

  add([command, key, ...rest]: readonly [string, string, ...string[]]): void {
    if (command === 'ZINCRBY') {
      this.#increment(key, rest)
      return
    }
    let list = this.#lists.get(key)
    if (!list) {
      list = { command, key, count: 2, rest: '' }
      this.#lists.set(key, list)
    }
    list.count += rest.length
    for (const each of rest) list.rest += argument(each)
  }

  #increment(key: string, [by, member = '']: readonly string[]): void {
    const id = `${key} ${member}`
    const sum = this.#sums.get(id) ?? { key, sum: 0, member }
    this.#sums.set(id, sum)
    sum.sum += Number(by)
  }

  toBytes(): Buffer {
    const lists = [...this.#lists.values()].map(
      ({ command, key, count, rest }) => `*${count}\r\n${argument(command)}${argument(key)}${rest}`,
    )
    const sums = [...this.#sums.values()].map(
      ({ key, sum, member }) => `*4\r\n${argument('ZINCRBY')}${argument(key)}${argument(String(sum))}${argument(member)}`,
    )
    return Buffer.from([...lists, ...sums].join(''), 'latin1')
  }
}
