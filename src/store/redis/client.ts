import { type Command, Redis, type RedisOptions } from 'ioredis'

/**
 * Where something came in when a command was to be given up, it is looked again, so often at most: a long answer comes in parts, and who sends
 * the next may have to wait for a processor.
 */
const LOOK_AGAIN_MS = 20
const MOST_LOOKS = 5
/** After a command was given up; a connection on which nothing has come meanwhile is then cut. */
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
    const giveUp = () => {
      command.reject(new Error('Command timed out'))
      const received = socket?.bytesRead
      const hangUp = () => {
        if (socket?.bytesRead === received) socket?.destroy(new Error('Socket timed out'))
      }
      setTimeout(() => setImmediate(hangUp), HANG_UP_MS).unref()
    }
    let isSettled = false
    let late: NodeJS.Timeout
    const lookAgain = (looks = 1): void => {
      const received = socket?.bytesRead
      late = setTimeout(() => {
        // What is there to be read is, between timers and immediates.
        setImmediate(() => {
          if (isSettled) return
          if (socket?.bytesRead === received || looks === MOST_LOOKS) giveUp()
          else lookAgain(looks + 1)
        })
      }, LOOK_AGAIN_MS)
    }
    late = setTimeout(lookAgain, this.#patienceMs - LOOK_AGAIN_MS)
    const settled = () => {
      isSettled = true
      clearTimeout(late)
    }
    command.promise.then(settled, settled)
    return answered
  }
}
