import { expect, test } from 'vitest'
import { naiveTime } from '../../src/local-time.ts'
import type { Role } from '../../src/model.ts'
import { startApp } from './app.ts'
import { bearer } from './tokens.ts'

const AT = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000

/** A server with one user, and how somebody of a role asks it. */
async function given() {
  const { app, url, config } = await startApp({ AUTH: 'on' })
  const said = {
    query: '最近压力很大',
    response: 'r',
    riskLevel: 'MEDIUM',
    occurredAt: AT,
    emotionScore: -0.5,
  } as const
  await app.services.recorder.record({ ...said, userId: '李 a/b:c' })
  const get = async (path: string, role: Role | null, method = 'GET') => {
    const headers = role ? await bearer(config, { role, name: role }) : {}
    const response = await fetch(new URL(path, url), { method, headers })
    return { status: response.status, body: await response.json() }
  }
  return { app, get }
}
const PERSON = `/api/memory/${encodeURIComponent('李 a/b:c')}`

test('a user is answered for in the shape of the predecessor', async () => {
  const { get } = await given()
  const counts = { total_chats: 1, total_risk_alerts: 1, common_topics_count: 1, stored_conversations: 1, emotion_records: 1 }
  const local = naiveTime(AT, 'Asia/Shanghai')
  const times = { created_at: local, last_active: local }
  expect(await get(PERSON, 'SERVICE')).toEqual({
    status: 200,
    body: { status: 'success', data: { user_id: '李 a/b:c', ...times, ...counts } },
  })
  expect((await get(PERSON, 'SUPERVISOR')).body.data.common_topics).toEqual(['压力'])
})

test('asking for somebody who is not known creates nobody', async () => {
  const { app, get } = await given()
  expect(await get('/api/memory/nobody', 'SERVICE')).toMatchObject({
    status: 404,
    body: { errors: [{ extensions: { code: 'NOT_FOUND' } }] },
  })
  const { answers } = await app.services.store.read([{ kind: 'overview' }], Date.now())
  expect(answers[0].users).toBe(1)
})

test('which store serves is told to whoever has a token, and is no user named backend', async () => {
  const { get } = await given()
  const body = { current_backend: 'SQLite', available_backends: ['SQLite', 'Redis'], status: 'active' }
  expect(await get('/api/memory/backend', 'COUNSELOR')).toEqual({ status: 200, body })
})

test('the statistics are of all users', async () => {
  const { get } = await given()
  expect(await get('/api/memory/stats/all', 'SUPERVISOR')).toMatchObject({
    status: 200,
    body: { storage_backend: 'SQLite', total_users: 1 },
  })
})

test.each([
  [PERSON, 'COUNSELOR', 403],
  [PERSON, 'ADMIN', 403],
  ['/api/memory/stats/all', 'SERVICE', 403],
  [PERSON, null, 401],
  ['/api/memory/backend', null, 401],
  ['/api/memory/', 'SERVICE', 400],
  ['/api/memory/%', 'SERVICE', 400],
] as const)('%s asked by %s is refused with %i', async (path, role, status) => {
  const { get } = await given()
  expect((await get(path, role)).status).toBe(status)
})

test('what would change something is refused', async () => {
  const { get } = await given()
  expect((await get(PERSON, 'SUPERVISOR', 'DELETE')).status).toBe(405)
})
