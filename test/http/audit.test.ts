import { serverAudits } from 'graphql-http'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type App, buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { tempDir } from '../helpers/temp.ts'

const dir = tempDir()
let app: App | undefined
let url = ''

beforeAll(async () => {
  app = await buildApp(loadConfig({ PORT: '0', DATA_DIR: dir.path, AUTH: 'off' }), { logger: pino({ level: 'silent' }) })
  url = (await app.listen()).url
})

afterAll(async () => {
  await app?.close()
  dir.remove()
})

describe('GraphQL over HTTP', () => {
  for (const audit of serverAudits({ url: () => url })) {
    test(`${audit.id} ${audit.name}`, async () => {
      const result = await audit.fn()
      expect(result.status, 'reason' in result ? result.reason : '').toBe('ok')
    })
  }
})
