import { type Command, Redis, type RedisOptions } from 'ioredis'

/** After a command was given up; a connection on which nothing has come since it was sent is then cut. */
const HANG_UP_MS = 75

/**
 * A client that gives a command up after so long, but not before it has read what has arrived by then. ioredis' own time-outs (commandTimeout,
 * socketTimeout) do not look: where the event loop was held up, they give up a Redis that has long answered.
 */
export class PatientRedis extends Redis {
  readonly #patienceMs: number

  constructor(url: string, options: RedisOptions & { replyMapping: 'legacy' }, patienceMs: number) {
    super(url, options)
    this.#patienceMs = patienceMs
  }

  override sendCommand(command: Command, stream?: Parameters<Redis['sendCommand']>[1]): unknown {
    const answered = super.sendCommand(command, stream)
    const socket = this.stream
    const received = socket?.bytesRead
    const giveUp = () => {
      command.reject(new Error('Command timed out'))
      const hangUp = () => {
        if (socket?.bytesRead === received) socket?.destroy(new Error('Socket timed out'))
      }
      setTimeout(() => setImmediate(hangUp), HANG_UP_MS).unref()
    }
    // What is there to be read is, between timers and immediates.
    const late = setTimeout(() => setImmediate(giveUp), this.#patienceMs)
    const settled = () => clearTimeout(late)
    command.promise.then(settled, settled)
    return answered
  }
}
