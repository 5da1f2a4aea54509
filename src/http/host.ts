import { isLoopback } from '../loopback.ts'

/** Whether a request that names this host is meant for us. */
export type HostCheck = (host: string | undefined) => boolean

/** For a unix socket: whoever can open it need not name anything. */
export const anyHost: HostCheck = () => true

/**
 * Which hosts a server at this address answers to. At a loopback address only to names of this machine: a page of another site can
 * have its own name lead here (DNS rebinding), and would read everything. Beyond loopback the names that lead here are not known.
 * But for the one that browsers are said to use, of a proxy that leads here.
 */
export function hostsAt(address: string, publicUrl = ''): HostCheck {
  if (!isLoopback(address)) return anyHost
  const publicName = URL.parse(publicUrl)?.hostname
  const check: HostCheck = (host) => {
    const name = URL.parse(`http://${host}`)?.hostname
    return name !== undefined && (isLoopback(name.replace(/^\[(.*)\]$/, '$1')) || name === address.toLowerCase() || name === publicName)
  }
  // Mostly it is the same name as before.
  let last: { host: string | undefined; isOurs: boolean } | undefined
  return (host) => {
    if (!last || last.host !== host) last = { host, isOurs: check(host) }
    return last.isOurs
  }
}
