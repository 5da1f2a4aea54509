import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { GraphQLServer } from '../graphql/yoga.ts'
import { pageHeaders } from './headers.ts'
import { withSignIn } from './sign-in.ts'

/** Far smaller than quickly made and quicker than smallest: the page has 9 MB. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_LGWIN]: 22 } }

const ENCODERS = {
  br: (page: Buffer): Promise<Buffer> => promisify(brotliCompress)(page, BROTLI),
  gzip: (page: Buffer): Promise<Buffer> => promisify(gzip)(page),
  identity: async (page: Buffer): Promise<Buffer> => page,
}
type Encoding = keyof typeof ENCODERS

interface Encoded {
  bytes: Buffer
  headers: Record<string, string>
}

/** GraphiQL, rendered and compressed at the first request for it. */
export class GraphiQLPage {
  readonly #yoga: GraphQLServer
  readonly #encoded = new Map<Encoding, Promise<Encoded>>()

  constructor(yoga: GraphQLServer) {
    this.#yoga = yoga
  }

  async serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const encoding = encodingFor(req.headers['accept-encoding'] ?? '')
    const { bytes, headers } = await this.#get(encoding)
    const head = { ...headers, vary: 'accept, accept-encoding, cookie', 'cache-control': 'no-cache' }
    if (req.headers['if-none-match'] === headers.etag) return void res.writeHead(304, head).end()
    res.writeHead(200, {
      ...head,
      'content-type': 'text/html; charset=utf-8',
      'content-length': bytes.length,
      ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
    })
    res.end(req.method === 'HEAD' ? undefined : bytes)
  }

  #get(encoding: Encoding): Promise<Encoded> {
    let encoded = this.#encoded.get(encoding)
    if (!encoded) {
      encoded = this.#encode(encoding)
      // The page as it is stays in memory as the parts that it is rendered from; not a second time here.
      if (encoding !== 'identity') this.#encoded.set(encoding, encoded)
    }
    return encoded
  }

  async #encode(encoding: Encoding): Promise<Encoded> {
    const response = await this.#yoga.fetch('http://localhost/graphql', { headers: { accept: 'text/html' } })
    const html = withSignIn(await response.text())
    const page = Buffer.from(html)
    const hash = createHash('sha256').update(page).digest('base64url').slice(0, 22)
    return { bytes: await ENCODERS[encoding](page), headers: { ...pageHeaders(html), etag: `"${hash}-${encoding}"` } }
  }
}

function encodingFor(accepted: string): Encoding {
  const wanted = new Set(accepted.split(',').flatMap((part) => (/; *q=0(\.0*)?$/.test(part.trim()) ? [] : [part.split(';')[0]?.trim()])))
  if (wanted.has('br')) return 'br'
  return wanted.has('gzip') ? 'gzip' : 'identity'
}

/** What a browser is shown where GraphiQL could not work. */
export function sendNoPage(res: ServerResponse): void {
  res.writeHead(403, { 'content-type': 'text/html; charset=utf-8', 'content-length': Buffer.byteLength(NO_PAGE) })
  res.end(NO_PAGE)
}

const NO_PAGE = `<!doctype html>
<html lang="en">
<title>Xinyi</title>
<h1>There is no GraphiQL here</h1>
<p>This server answers known documents only (<code>TRUSTED_DOCUMENTS=only</code>), and GraphiQL writes its own.
To explore the API, start a server with <code>TRUSTED_DOCUMENTS=allow</code>; <code>schema/schema.graphql</code> has the schema.</p>
</html>
`
