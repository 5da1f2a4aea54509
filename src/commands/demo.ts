import { join } from 'node:path'
import { type App, buildApp } from '../app.ts'
import { type Config, SOCKET_NAME } from '../config.ts'
import { generateHistory, type Invented } from '../demo/history.ts'
import { refuseLiveSocket } from '../http/listen.ts'
import { createLogger } from '../logging.ts'
import { startProgress } from './progress.ts'
import { serve } from './serve.ts'

const SEED = 1
const USERS = 300
const BATCH = 500

/** Fills an empty data set with invented users, and serves it; one that holds anything is served as it is. */
export async function demo(config: Config): Promise<void> {
  await refuseLiveSocket(join(config.dataDir, SOCKET_NAME))
  const app = await buildApp(config, { logger: createLogger(config.logLevel) })
  try {
    console.log(await fill(app))
  } finally {
    await app.close()
  }
  await serve(config)
}

async function fill({ services: { store, recorder, clock } }: App): Promise<string> {
  const now = clock()
  const {
    answers: [{ users }],
  } = await store.read([{ kind: 'overview' }], now)
  if (users > 0) return `This data set holds ${users} users already, so the demo adds none.`
  const history = [...generateHistory({ seed: SEED, users: USERS, now })]
  const progress = startProgress(history.length)
  try {
    for (let done = 0; done < history.length; done += BATCH) {
      progress.update(done, done)
      await Promise.all(history.slice(done, done + BATCH).map((conversation: Invented) => recorder.record(conversation)))
    }
  } finally {
    progress.stop()
  }
  return `The demo has invented ${USERS} users and ${history.length} conversations.`
}
