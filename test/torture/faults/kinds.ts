/** Everything that can be done to the system under test; faults/ has what each does. */
export const FAULT_KINDS = [
  'redis-kill',
  'redis-empty',
  'redis-older',
  'redis-freeze',
  'flushall',
  'keys',
  'trim',
  'oom',
  'readonly',
  'misconf',
  'busy',
  'pause',
  'client-kill',
  'password',
  'proxy-hang',
  'proxy-cut',
  'proxy-slow',
  'proxy-drop',
  'writer-kill',
  'writer-freeze',
  'restart-all',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]
