import fc from 'fast-check'

/** Any code point but halves of surrogate pairs. (fast-check's own unit for that takes some seconds to make.) */
const codePoint = fc.integer({ min: 0, max: 0x10_ffff - 0x800 }).map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800))
// Most code points are unassigned, or rare ideographs: what means something somewhere is given its share.
const unit = fc.oneof(
  codePoint,
  fc.integer({ min: 0, max: 0xff }).map((n) => String.fromCodePoint(n)),
)

export const anyText = (lengths: { minLength?: number; maxLength?: number } = {}): fc.Arbitrary<string> => fc.string({ unit, ...lengths })
