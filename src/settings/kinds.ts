import * as z from 'zod'
import { isTimeZone } from '../local-time.ts'
import { isLoopback } from '../loopback.ts'
import { ROLES } from '../model.ts'

/* What the values of settings can be: read from text, each with a description that completes "it has to be …". */

export const text = () => z.string().describe('any text')
export const file = () => z.string().describe('the path of a file')
export const host = () =>
  z
    .string()
    .regex(/^[^\s/@?#]+$/)
    .describe('the name or address of a host (what belongs into a URL goes into REDIS_URL)')
export const integer = (min: number, max: number, expected = `a whole number from ${min} to ${max}`) =>
  z
    .string()
    .regex(/^\d{1,12}$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .describe(expected)
export const oneOf = <const T extends readonly string[]>(values: T) =>
  z
    .string()
    .toLowerCase()
    .pipe(z.enum(values))
    .describe(`one of ${values.join(', ')}`)
export const count = () => integer(0, 1_000_000)
export const days = () => integer(0, 36_500)
export const codePoints = () => integer(1, 1_000_000)

export const lease = () => integer(1, 100_000)
const MAX_STEPS = 10
export const steps = () =>
  z
    .string()
    .regex(/^(never|\d{1,6}(\s*,\s*\d{1,6})*)$/)
    .transform((list) => (list === 'never' ? [] : list.split(',').map(Number)))
    .refine((minutes) => minutes.length <= MAX_STEPS && minutes.every((each, i) => i === 0 || each > (minutes[i - 1] ?? 0)))
    .describe(`up to ${MAX_STEPS} whole numbers of minutes, each greater than the one before, such as 5,15,30; or never`)

export const timeZone = () => z.string().refine(isTimeZone).describe('the IANA name of a time zone, such as Asia/Shanghai or Europe/Berlin')

const isRedisUrl = (url: string): boolean =>
  url.startsWith('/') || (URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol) && new URL(url).hostname !== '')
export const redisUrl = () =>
  z
    .string()
    .refine((url) => url === '' || isRedisUrl(url))
    .describe('redis://[user:password@]host[:port][/db], the same with rediss:// for TLS, or the absolute path of a socket')

export const webhookUrl = () =>
  z
    .string()
    .refine((url) => url === '' || (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)))
    .describe('an http:// or https:// URL')
export const webhookSecret = () =>
  z
    .string()
    .regex(/^(whsec_[A-Za-z0-9+/]{32,88}={0,2})?$/)
    .transform((text) => (text === '' ? null : Buffer.from(text.slice('whsec_'.length), 'base64')))
    .describe('whsec_ and 24 to 64 bytes in base64, such as `echo whsec_$(openssl rand -base64 32)` prints')

const SHORTEST_SECRET_BYTES = 32
export const tokenSecret = () =>
  z
    .string()
    .refine((secret) => secret === '' || Buffer.byteLength(secret) >= SHORTEST_SECRET_BYTES)
    .describe(`a text of ${SHORTEST_SECRET_BYTES} bytes or more, such as \`openssl rand -base64 32\` prints`)
export const jwksUrl = () =>
  z
    .string()
    .refine((text) => {
      const url = URL.parse(text)
      return text === '' || url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname.replace(/^\[|\]$/g, '')))
    })
    .describe('an https:// URL (http:// on this machine alone: whoever can change the keys on their way can sign in as anybody)')

const SENTINEL = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s/@?#:[\]]+)):(\d{1,5})$/
export const sentinels = () =>
  z
    .string()
    .transform((list, { issues }) =>
      list === ''
        ? []
        : list.split(',').map((each) => {
            const [, bracketed, host = bracketed ?? '', port] = SENTINEL.exec(each.trim()) ?? []
            if (port === undefined || Number(port) < 1 || Number(port) > 65_535)
              issues.push({ code: 'custom', input: list, message: 'not host:port' })
            return { host, port: Number(port) }
          }),
    )
    .describe('a list of host:port, separated by commas, such as sentinel-1:26379,sentinel-2:26379,sentinel-3:26379')

const isOrigin = (text: string): boolean => /^https?:$/.test(URL.parse(text)?.protocol ?? '') && URL.parse(text)?.origin === text
export const origins = () =>
  z
    .string()
    .transform((list) => (list === '' ? [] : list.split(',').map((each) => each.trim().replace(/\/$/, ''))))
    .refine((list) => list.every(isOrigin))
    .describe('a list of origins, separated by commas, such as https://dashboard.example,http://localhost:3000')
export const publicUrl = () =>
  z
    .string()
    .transform((url) => url.replace(/\/$/, ''))
    .refine((url) => url === '' || isOrigin(url))
    .describe('http:// or https://, a host, and a port where it is another than usual; no path')

export const roles = () =>
  z
    .string()
    .transform((list) => (list === 'none' ? [] : list.split(',').map((each) => each.trim().toUpperCase())))
    .pipe(z.array(z.enum(ROLES)))
    .describe(`a list of roles (${ROLES.join(', ')}), separated by commas; or none`)
