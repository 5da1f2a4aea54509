import { isUtf8 } from 'node:buffer'

export interface Line {
  /** From 1. */
  number: number
  /** Without its end; what is no UTF-8 shows as �. Null when the line is longer than the limit. */
  text: string | null
  wellFormed: boolean
  /** Bytes of the input up to its end. */
  end: number
}

const BOM = '\uFEFF'
const NEWLINE = 10

/** The lines of a byte stream. Holds one of them at most, and of one longer than `maxBytes` nothing. */
export async function* lines(input: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Line> {
  let parts: Buffer[] = []
  let length = 0
  let number = 0
  let end = 0

  const take = (part: Buffer): void => {
    length += part.length
    if (length <= maxBytes) parts.push(part)
    else parts = []
  }
  const finish = (): Line => {
    number += 1
    const bytes = Buffer.concat(parts)
    const text = length <= maxBytes ? bytes.toString().replace(/\r$/, '') : null
    const line = { number, text: number === 1 && text?.startsWith(BOM) ? text.slice(1) : text, wellFormed: isUtf8(bytes), end }
    parts = []
    length = 0
    return line
  }

  for await (const chunk of input) {
    let start = 0
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, start)) {
      take(chunk.subarray(start, at))
      end += at - start + 1
      start = at + 1
      yield finish()
    }
    take(chunk.subarray(start))
    end += chunk.length - start
  }
  if (length > 0) yield finish()
}
