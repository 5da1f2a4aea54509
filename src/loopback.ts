/** Whether a name or address always means this machine, as it is seen from itself. */
export const isLoopback = (host: string): boolean => /^(localhost|(::ffff:)?127(\.\d+){3}|::1)$/i.test(host)
