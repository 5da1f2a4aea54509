import type { ServerResponse } from 'node:http'
import { pageHeaders } from './headers.ts'

/** Signs in by the code in the address, if there is one: before anything else, and so that neither the address nor the history keeps it. */
const TAKE_CODE = `
  const send = (method, body) => fetch('/session', {
    method, headers: { accept: 'application/json', 'content-type': 'application/json' }, body: body && JSON.stringify(body),
  })
  const code = /^#code=([\\w-]+)$/.exec(location.hash)?.[1]
  if (code) history.replaceState(null, '', location.pathname)
`

/** For a page that is shown to those who are signed in: whoever follows a link with a code is another from then on. */
export const withSignIn = (html: string): string =>
  html.replace(
    '<head>',
    () => `<head><script>{${TAKE_CODE}  if (code) send('POST', { code }).finally(() => location.replace('/graphql'))\n}</script>`,
  )

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Xinyi 心忆</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; }
  main { width: min(34rem, 100vw - 3rem); }
  h1 { font-size: 1.5rem; font-weight: 600; }
  textarea, button { font: inherit; padding: 0.5rem 0.75rem; border: 1px solid #8888; border-radius: 0.4rem; }
  textarea { display: block; box-sizing: border-box; width: 100%; min-height: 6rem; margin: 0.25rem 0 0.75rem; resize: vertical; }
  button { cursor: pointer; }
  pre { padding: 0.75rem; overflow-x: auto; border-radius: 0.4rem; background: #8882; font-size: 0.875rem; }
  [role=alert] { min-height: 1.5rem; color: #c33; }
</style>
</head>
<body>
<main>
  <h1>Xinyi 心忆</h1>
  <p role="alert" id="problem"></p>
  <form id="form" hidden>
    <label for="token">Sign in with a token 用令牌登录</label>
    <textarea id="token" autocomplete="off" spellcheck="false" required></textarea>
    <button>Sign in 登录</button>
    <p>On the server this prints one:</p>
    <pre>npx xinyi token --role SUPERVISOR --name "your name"</pre>
    <p>A server that is started on a terminal prints a link that needs none.</p>
  </form>
  <div id="session" hidden>
    <p>Signed in as <b id="name"></b> (<span id="roles"></span>) until <time id="until"></time>.</p>
    <p><a href="/graphql">GraphiQL</a></p>
    <button id="out">Sign out 退出</button>
  </div>
</main>
<script>
${TAKE_CODE}
  const get = (id) => document.getElementById(id)
  const show = (id) => { for (const each of ['form', 'session']) get(each).hidden = each !== id }
  const signIn = async (given) => {
    get('problem').textContent = ''
    const answer = await send('POST', given)
    if (answer.ok) return location.replace('/graphql')
    const { errors: [{ message, extensions }] } = await answer.json()
    get('problem').textContent = message + ' ' + extensions.hint
    show('form')
  }
  const tell = async () => {
    const answer = await send('GET')
    if (!answer.ok) return show('form')
    const { name, roles, expiresAt } = await answer.json()
    get('name').textContent = name
    get('roles').textContent = roles.join(', ')
    get('until').textContent = expiresAt ? new Date(expiresAt).toLocaleString() : 'this server is closed'
    show('session')
  }
  get('form').onsubmit = (event) => {
    event.preventDefault()
    signIn({ token: get('token').value.trim() })
  }
  get('out').onclick = async () => {
    await send('DELETE')
    show('form')
  }
  if (code) signIn({ code })
  else if (location.pathname === '/session') tell()
  else show('form')
</script>
</body>
</html>
`
const HEADERS = {
  ...pageHeaders(PAGE),
  'content-type': 'text/html; charset=utf-8',
  'content-length': Buffer.byteLength(PAGE),
  vary: 'accept, cookie',
}

/** How to sign in, or out again: shown where a browser asks for a page and has no session. */
export const serveSignIn = (res: ServerResponse, isHead: boolean): void => void res.writeHead(200, HEADERS).end(isHead ? undefined : PAGE)
