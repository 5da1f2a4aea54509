import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { spawnTied } from '../helpers/children.ts'
import { findProgram } from '../helpers/programs.ts'
import { startApp } from '../http/app.ts'
import { tokenFor } from '../http/tokens.ts'

const SCRIPT = fileURLToPath(new URL('drop-in.py', import.meta.url))
const EXAMPLE = fileURLToPath(new URL('../../examples/python', import.meta.url))
const python = findProgram('python3')

test.skipIf(!python && process.env.REQUIRE_PYTHON !== '1')(
  'the drop-in for the predecessor’s memory class does what its methods promise',
  async () => {
    const { url, config } = await startApp({ AUTH: 'on' })
    const env = {
      EXAMPLE,
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      PYTHONDONTWRITEBYTECODE: '1',
      XINYI_URL: new URL('/', url).href,
      SERVICE_TOKEN: await tokenFor(config, { role: 'SERVICE', name: 'assistant' }),
      SUPERVISOR_TOKEN: await tokenFor(config, { role: 'SUPERVISOR', name: 'Wang' }),
    }
    const child = spawnTied(python ?? 'python3', [SCRIPT], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    if (!child.stdout || !child.stderr) throw new Error('no output')
    const [said, complaint] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    expect(complaint).toBe('')
    const anonymous = expect.stringMatching(/^anon_\d{8}_[0-9a-f]{32}$/)
    const date = expect.stringMatching(/^\d{4}-\d\d-\d\dT/)
    const found = JSON.parse(said)
    expect(found).toEqual({
      before: ['', '新用户，暂无历史记录。', null],
      first: { user_id: '李 四/1', alert: true, durability: 'JOURNAL' },
      second: { user_id: '李 四/1', alert: false, durability: 'JOURNAL' },
      unnamed: [anonymous, anonymous, anonymous],
      context: expect.stringMatching(/^第1轮（[\d-]{10}）：\n用户：最近压力很大，失眠\n咨询师：我在听。\.\.\.\n\n第2轮/),
      one: expect.stringMatching(/^第1轮（[\d-]{10}）：\n用户：今天好一点/),
      turns: [
        { timestamp: date, query: '今天好一点', response: '那很好。', risk_level: 'low' },
        { timestamp: date, query: '最近压力很大，失眠', response: '我在听。', risk_level: 'medium' },
      ],
      summary: '该用户已咨询2次。主要困扰领域：压力, 失眠。历史风险预警：1次。',
      stats: expect.objectContaining({
        user_id: '李 四/1',
        total_chats: 2,
        total_risk_alerts: 1,
        stored_conversations: 2,
        emotion_records: 2,
      }),
      backend: { current_backend: 'SQLite', available_backends: ['SQLite', 'Redis'], status: 'active' },
      refused: ['BAD_USER_INPUT', 'FORBIDDEN', 'UNAUTHENTICATED', 'STORE_UNAVAILABLE'],
      cleared: 2,
      after: ['', 2],
    })
    expect(new Set(found.unnamed).size).toBe(3)
  },
)
