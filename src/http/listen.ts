import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { StartError } from '../errors.ts'

/** Lets a server listen on a port (0: any free one), and returns the port. */
export async function listenOnPort(server: Server, host: string, port: number): Promise<number> {
  try {
    server.listen({ host, port })
    await once(server, 'listening')
  } catch (error) {
    throw new StartError(whyNot(codeOf(error), host, port), { cause: error })
  }
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : port
}

function whyNot(code: unknown, host: string, port: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} of ${host} is in use. End the program that uses it, or choose another port, such as PORT=${port + 1}.`
    case 'EACCES':
      return `This account may not use port ${port}. Choose one from 1024 on, such as PORT=8001.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST=${host} is not an address of this machine. Use 127.0.0.1 for this machine only, 0.0.0.0 for all its networks.`
    default:
      return `Listening on port ${port} of ${host} failed (${code}).`
  }
}

/** Throws when a server answers on this socket. */
export async function refuseLiveSocket(path: string): Promise<void> {
  if (!(await answers(path))) return
  throw new StartError(`Another server already works here: it answers on ${path}. Stop it first, or choose another DATA_DIR.`)
}

/** Lets a server listen on a unix socket that only this account can use; one that nobody answers on any more is replaced. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  await refuseLiveSocket(path)
  await rm(path, { force: true })
  // The socket is made within the call to listen(), so nothing else is created under this mask.
  const mask = process.umask(0o177)
  try {
    server.listen({ path })
  } finally {
    process.umask(mask)
  }
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new StartError(`The socket ${path} can't be made (${codeOf(error)}). Check that DATA_DIR is writable, on a local disk.`, {
      cause: error,
    })
  }
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    // Full queue, no permission: somebody is there.
    return !['ENOENT', 'ENOTDIR', 'ECONNREFUSED'].includes(String(codeOf(error)))
  } finally {
    socket.destroy()
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)
