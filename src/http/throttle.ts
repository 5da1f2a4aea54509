import type { WebSocket } from 'ws'

const PER_SECOND = 1_000
/** So many may come at once. */
const BURST = 2_000
/** Who has more than this to read is not listened to. */
const BACKLOG_BYTES = 1024 * 1024
const PAUSE_MS = 50

/**
 * Listens to a client no faster than it takes what it is sent, and to no more than so many messages a second, pings included. Nothing is
 * refused: what a flood brings waits where it comes from.
 */
export function throttle(socket: WebSocket): void {
  let timer: NodeJS.Timeout | undefined
  /** When all messages that came may have come. */
  let due = 0
  const count = () => {
    const now = performance.now()
    due = Math.max(due, now) + 1_000 / PER_SECOND
    if (timer || (due - now <= (1_000 * BURST) / PER_SECOND && socket.bufferedAmount <= BACKLOG_BYTES)) return
    socket.pause()
    timer = setTimeout(look, PAUSE_MS)
  }
  const look = () => {
    timer = undefined
    if (socket.bufferedAmount > BACKLOG_BYTES || due - performance.now() > (500 * BURST) / PER_SECOND) timer = setTimeout(look, PAUSE_MS)
    else socket.resume()
  }
  for (const event of ['message', 'ping', 'pong'] as const) socket.on(event, count)
  socket.once('close', () => clearTimeout(timer))
}
