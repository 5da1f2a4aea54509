/** The inside of a regular expression's class (flags u or v): the scripts that write Chinese, Japanese and Korean. */
export const CJK_LETTERS = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}`

/** CJK_LETTERS, CJK symbols and punctuation (U+3000-303F), the katakana middle dot and length mark (U+30FB-30FC), halfwidth and fullwidth forms (U+FF00-FFEF). */
export const CJK_TEXT = String.raw`${CJK_LETTERS}\u{3000}-\u{303F}\u{30FB}-\u{30FC}\u{FF00}-\u{FFEF}`
