import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { type App, buildApp } from '../../src/app.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { tempDir } from '../helpers/temp.ts'
import { ledgerHere } from '../helpers/this-thread.ts'

export interface RunningApp {
  app: App
  /** Of GraphQL. */
  url: string
  dataDir: string
  config: Config
  /** What the link has that a start on a terminal prints. */
  newCode(): string
  /** Everything that was logged, as text. */
  log: string[]
}

/** The whole service on SQLite and a free port, ended with the present test. Whoever asks is believed, unless `env` has it otherwise. */
export async function startApp(env: Record<string, string> = {}): Promise<RunningApp> {
  const dir = tempDir()
  const log: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line) => void log.push(line) })
  const config = loadConfig({ PORT: '0', DATA_DIR: dir.path, MEMORY_STORAGE_BACKEND: 'sqlite', AUTH: 'off', ...env })
  const app = await buildApp(config, { logger, openAudit: ledgerHere })
  onTestFinished(async () => {
    await app.close()
    dir.remove()
  })
  const { url, newCode } = await app.listen()
  return { app, url, dataDir: dir.path, config, log, newCode }
}

export const post = (url: string, body: BodyInit, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })

export const graphql = async (url: string, query: string, variables: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
  (await post(url, JSON.stringify({ query, variables }), headers)).json()

/** Records a conversation that raises an alert. */
export const raise = (url: string, userId = 'ada', riskLevel = 'HIGH'): Promise<unknown> =>
  graphql(url, 'mutation ($input: RecordConversationInput!) { recordConversation(input: $input) { duplicate } }', {
    input: { userId, query: 'q', response: 'r', riskLevel },
  })

export const ALERTS =
  'subscription ($after: String) { riskAlerts(after: $after) { cursor replayed event { kind } alert { user { userId totalChats } } } }'

/** The kinds of what is read from the store from now on, and of what is written to it, for whoever asks: what the service reads by itself is left out. */
export function watchStore({ services: { store } }: App): string[] {
  const seen: string[] = []
  const [read, append] = [store.read.bind(store), store.append.bind(store)]
  store.read = (requests, ...rest) => {
    seen.push(...requests.map(({ kind }) => kind).filter((kind) => kind !== 'dueAlerts'))
    return read(requests, ...rest)
  }
  store.append = (events, ...rest) => {
    seen.push(...events.map(({ kind }) => kind))
    return append(events, ...rest)
  }
  return seen
}
