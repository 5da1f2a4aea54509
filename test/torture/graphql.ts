import { Agent, request } from 'node:http'
import * as z from 'zod'

/** What became of a GraphQL request over HTTP. */
export type Outcome =
  | {
      type: 'answer'
      data: unknown
      /** Codes of the errors in it, each with the first step of its path. */
      errors: readonly { code: string; path: readonly (string | number)[] }[]
      served: 'REDIS' | 'SQLITE' | null
      ms: number
    }
  /** No answer: whether it was carried out is unknown, if it was sent at all. */
  | { type: 'none'; sent: boolean; reason: string; ms: number }

const Answer = z.object({
  data: z.unknown().optional(),
  errors: z
    .array(
      z.object({
        path: z.array(z.union([z.string(), z.number()])).default([]),
        extensions: z.object({ code: z.string() }).catch({ code: 'NO_CODE' }),
      }),
    )
    .default([]),
  extensions: z.object({ storage: z.object({ served: z.enum(['REDIS', 'SQLITE']) }) }).optional(),
})

/** One client of one instance, with connections of its own that it keeps. */
export class GraphQLClient {
  readonly #agent = new Agent({ keepAlive: true })
  readonly #url: () => string | null
  readonly #timeoutMs: number

  /** `url` answers null while the instance is down. */
  constructor(url: () => string | null, timeoutMs = 15_000) {
    this.#url = url
    this.#timeoutMs = timeoutMs
  }

  async ask(query: string, variables: Record<string, unknown> = {}): Promise<Outcome> {
    const url = this.#url()
    const began = performance.now()
    if (!url) return { type: 'none', sent: false, reason: 'down', ms: 0 }
    try {
      const { data, errors, extensions } = Answer.parse(JSON.parse(await this.#post(url, JSON.stringify({ query, variables }))))
      return {
        type: 'answer',
        data,
        errors: errors.map(({ path, extensions: { code } }) => ({ code, path })),
        served: extensions?.storage.served ?? null,
        ms: performance.now() - began,
      }
    } catch (error) {
      const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
      const reason = code ?? (error instanceof Error ? error.message.slice(0, 200) : 'unknown')
      return { type: 'none', sent: code !== 'ECONNREFUSED', reason, ms: performance.now() - began }
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #post(url: string, body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'x-actor': 'torture', 'content-length': Buffer.byteLength(body) }
      const req = request(url, { method: 'POST', agent: this.#agent, headers }, (res) => {
        let text = ''
        res.setEncoding('utf8')
        res.on('data', (chunk: string) => {
          text += chunk
        })
        res.once('end', () => resolve(text))
        res.once('error', reject)
        res.once('close', () => reject(new Error('cut off in the answer')))
      })
      req.setTimeout(this.#timeoutMs, () => req.destroy(new Error('timed out')))
      req.once('error', reject)
      req.end(body)
    })
  }
}
