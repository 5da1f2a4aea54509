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

/** One transaction: some milliseconds of Redis. */
const TRANSACTION_BYTES = 700_000

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

/** What packed.lua says of each, in as few commands as can be: those of many users that begin alike are one. */
function listed(packs: readonly Pack[]): Pick<PackedUsers, 'keys' | 'listing'> {
  const lists = new Map<string, { begin: string; each: number; users: number; rest: string }>()
  let keys = 0
  for (const { about } of packs) {
    const bulks = bulksIn(Buffer.from(about.buffer, about.byteOffset, about.length).toString('latin1'))
    keys += Number(bulks[0])
    for (let i = 1; i + 2 < bulks.length; i += 3) {
      const [each, begin = '', rest = ''] = [Number(bulks[i]), bulks[i + 1], bulks[i + 2]]
      const name = each === 0 ? begin + rest : begin
      const list = lists.get(name)
      if (!list) lists.set(name, { begin, each, users: 1, rest })
      else {
        list.users += 1
        if (each > 0) list.rest += rest
      }
    }
  }
  const commands = Array.from(lists.values(), ({ begin, each, users, rest }) =>
    each === 0 ? `*4\r\n${begin}${bulk(String(-users))}${rest}` : `*${2 + each * users}\r\n${begin}${rest}`,
  )
  return { keys, listing: Buffer.from(commands.join(''), 'latin1') }
}

/** A bulk string of RESP, of a text of which each character is a byte. */
export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

/** The bulk strings of RESP in a text of which each character is a byte. */
function bulksIn(text: string): string[] {
  const bulks: string[] = []
  for (let at = 0; at < text.length; ) {
    const from = text.indexOf('\r\n', at) + 2
    const to = from + Number(text.slice(at + 1, from - 2))
    bulks.push(text.slice(from, to))
    at = to + 2
  }
  return bulks
}
