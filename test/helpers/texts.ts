import fc from 'fast-check'

/** One of the first so many code points, but for halves of surrogate pairs. The way back lets fast-check put in words that are dangerous. */
const codePoint = (count: number): fc.Arbitrary<string> =>
  fc.integer({ min: 0, max: count - 1 }).map(
    (n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800),
    (text) => {
      const [character, ...rest] = typeof text === 'string' ? text : ''
      const code = character?.codePointAt(0) ?? Number.NaN
      const n = code < 0xd800 ? code : code - 0x800
      if (rest.length > 0 || !(n < count)) throw new Error('not one of them')
      return n
    },
  )

// fast-check's own unit of all code points takes some seconds to make. Most of them are unassigned, or rare: those of Latin get their share.
const unit = fc.oneof(codePoint(0x11_0000 - 0x800), codePoint(0x100))

export const anyText = (lengths: { minLength?: number; maxLength?: number } = {}): fc.Arbitrary<string> => fc.string({ unit, ...lengths })
