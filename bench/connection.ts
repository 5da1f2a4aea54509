import { connect, type Socket } from 'node:net'

/** A keep-alive HTTP connection for one request at a time, as lean as can be: what it costs is taken from the server that is measured. */
export class Connection {
  readonly #socket: Socket
  readonly #head: string
  #received: Buffer = Buffer.alloc(0)
  #answered: { resolve(body: string): void; reject(error: Error): void } | null = null

  constructor(url: string) {
    const { hostname, port, pathname } = new URL(url)
    this.#head = `POST ${pathname} HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-type: application/json\r\ncontent-length: `
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true })
    this.#socket.on('data', (chunk) => this.#receive(chunk))
    this.#socket.on('error', (error) => this.#answered?.reject(error))
    this.#socket.on('close', () => this.#answered?.reject(new Error('closed')))
  }

  post(body: string): Promise<string> {
    if (this.#socket.destroyed) return Promise.reject(new Error('closed'))
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    this.#answered = { resolve, reject }
    this.#socket.write(`${this.#head}${Buffer.byteLength(body)}\r\n\r\n${body}`)
    return promise
  }

  close(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd === -1) return
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#received.toString('latin1', 0, headEnd))?.[1]
    if (length === undefined) {
      this.#answered?.reject(new Error('an answer without content-length'))
      return
    }
    const end = headEnd + 4 + Number(length)
    if (this.#received.length < end) return
    const body = this.#received.toString('utf8', headEnd + 4, end)
    this.#received = this.#received.subarray(end)
    this.#answered?.resolve(body)
  }
}
