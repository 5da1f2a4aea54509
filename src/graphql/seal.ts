import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
/** No other cursor begins with it. */
const MARK = '~'

/** Hides a text from whoever hands it back, at every instance of a data set, and knows it again: nobody else can make one. */
export class Seal {
  readonly #key: Buffer
  readonly #ivKey: Buffer

  /** `secret`: that of the data set. */
  constructor(secret: Buffer) {
    const keys = Buffer.from(hkdfSync('sha256', secret, '', 'cursors', 2 * KEY_BYTES))
    this.#key = keys.subarray(0, KEY_BYTES)
    this.#ivKey = keys.subarray(KEY_BYTES)
  }

  /** The same for the same text, so that clients can compare. */
  close(text: string): string {
    const iv = createHmac('sha256', this.#ivKey).update(text).digest().subarray(0, IV_BYTES)
    const cipher = createCipheriv(CIPHER, this.#key, iv)
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return MARK + Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
  }

  /** Null for what is not sealed with it. */
  open(sealed: string): string | null {
    if (!sealed.startsWith(MARK)) return null
    const bytes = Buffer.from(sealed.slice(MARK.length), 'base64url')
    if (bytes.length < IV_BYTES + TAG_BYTES) return null
    const decipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
    try {
      return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8')
    } catch {
      return null
    }
  }
}
