import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { errorBody, type HttpError } from './respond.ts'

/** How long a refused client may go on sending: closing the connection under it at once would lose it the answer. */
const LINGER_MS = 1_000

/** The body as text, or why it is refused. Rejects where it does not come to its end. */
export function readBody(req: IncomingMessage, maxBytes: number): Promise<string | HttpError> {
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) return Promise.resolve(tooLarge(maxBytes))
  // While it was found out who asks, say.
  if (req.destroyed) return Promise.reject(new Error('The request was cut off.'))
  const { promise, resolve, reject } = Promise.withResolvers<string | HttpError>()
  const chunks: Buffer[] = []
  let bytes = 0
  // Each by itself: the stream's own iterator costs more than all the rest of reading.
  const take = (chunk: Buffer): void => {
    bytes += chunk.length
    chunks.push(chunk)
    if (bytes <= maxBytes) return
    chunks.length = 0
    req.off('data', take).pause()
    resolve(tooLarge(maxBytes))
  }
  req.on('data', take)
  req.once('end', () => {
    const [first] = chunks
    const body = first && chunks.length === 1 ? first : Buffer.concat(chunks)
    resolve(isUtf8(body) ? body.toString() : NOT_UTF8)
  })
  req.once('error', reject)
  req.once('close', () => reject(new Error('The request was cut off.')))
  return promise
}

/** Refuses a request whose body may still be arriving: answers at once, and closes the connection when the client has done, or after a while. */
export function refuseBody(req: IncomingMessage, res: ServerResponse, error: HttpError): void {
  const text = JSON.stringify(errorBody(error))
  res.writeHead(error.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
    ...error.headers,
  })
  res.write(text)
  if (req.complete) return void res.end()
  const timer = setTimeout(() => res.end(), LINGER_MS)
  req.once('end', () => res.end())
  res.once('close', () => clearTimeout(timer))
  req.resume()
}

const tooLarge = (maxBytes: number): HttpError => ({
  status: 413,
  code: 'PAYLOAD_TOO_LARGE',
  message: `The request body has more than ${maxBytes} bytes.`,
  hint: 'Send it in smaller parts.',
})

const NOT_UTF8: HttpError = {
  status: 400,
  code: 'BAD_USER_INPUT',
  message: 'The request body is not UTF-8.',
  hint: 'Encode the JSON as UTF-8.',
}
