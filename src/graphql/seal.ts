import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16
/** No other cursor begins with it. */
const MARK = '~'

/** Hides a text from whoever hands it back, at every instance of a data set. */
export class Seal {
  readonly #secret: Buffer

  /** `secret`: that of the data set. */
  constructor(secret: Buffer) {
    this.#secret = secret
  }

  /** Few cursors need one. */
  get #key(): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#secret, '', 'cursors', 32))
  }

  close(text: string): string {
    const iv = randomBytes(IV_BYTES)
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
