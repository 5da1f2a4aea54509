import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type HttpError, refuseSocket } from './respond.ts'

/** Tells those whose requests are no HTTP, too long or too slow what is wrong, and lets them go. */
export function answerMalformed(server: Server): void {
  const answering = new WeakMap<Duplex, ServerResponse>()
  server.on('request', (req: IncomingMessage, res) => answering.set(req.socket, res))
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const answer = answering.get(socket)
    // Whatever is sent now would be taken for a part of the answer that is on its way.
    if (!socket.writable || (answer?.headersSent && !answer.writableFinished)) socket.destroy()
    else refuseSocket(socket, REFUSALS[error.code ?? ''] ?? MALFORMED)
  })
}

const MALFORMED: HttpError = {
  status: 400,
  code: 'BAD_USER_INPUT',
  message: 'This is no HTTP/1.1 request.',
  hint: 'Send one; where TLS is wanted, put a proxy in front.',
}

const REFUSALS: Readonly<Record<string, HttpError>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'BAD_USER_INPUT',
    message: 'The request did not come in time.',
    hint: 'Send it at once and whole. REQUEST_TIMEOUT_SECONDS is the limit.',
  },
  HPE_HEADER_OVERFLOW: {
    status: 431,
    code: 'PAYLOAD_TOO_LARGE',
    message: 'The headers have more than 32 KiB.',
    hint: 'Send the query by POST, and fewer cookies.',
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
    message: 'The extensions of the chunks are too long.',
    hint: 'Send the body without.',
  },
}
