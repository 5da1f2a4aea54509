/** Whether a request that names this host is meant for us. */
export type HostCheck = (host: string | undefined) => boolean

/** For a unix socket: whoever can open it need not name anything. */
export const anyHost: HostCheck = () => true

/**
 * Which hosts a server at this address answers to. At a loopback address only to names of this machine: a page of another site can
 * have its own name lead here (DNS rebinding), and would read everything. Beyond loopback the names that lead here are not known.
 */
export function hostsAt(address: string): HostCheck {
  if (!isLoopback(address)) return anyHost
  return (host) => {
    const name = URL.parse(`http://${host}`)?.hostname.replace(/^\[(.*)\]$/, '$1')
    return name !== undefined && (isLoopback(name) || name === address.toLowerCase())
  }
}

const isLoopback = (name: string): boolean => /^(localhost|127(\.\d+){3}|::1)$/i.test(name)
