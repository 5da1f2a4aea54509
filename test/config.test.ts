import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Environment, loadConfig } from '../src/config.ts'
import { StartError } from '../src/errors.ts'
import { DEFAULT_TRIAGE } from '../src/model.ts'
import { topicsIn } from '../src/services/vocabulary.ts'
import { SETTINGS, Settings } from '../src/settings.ts'
import { DEFAULT_VOCABULARY } from '../src/vocabulary.ts'
import { tempDir } from './helpers/temp.ts'

function complaints(env: Environment): string[] {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof StartError) return error.message.split('\n').slice(1)
    throw error
  }
  return []
}

test('without any configuration everything has a default', () => {
  expect(loadConfig({})).toMatchObject({
    host: '127.0.0.1',
    port: 8001,
    storageBackend: 'redis',
    redisUrl: 'redis://localhost:6379',
    redisTarget: { url: 'redis://localhost:6379' },
    dataDir: './data',
    localTimeZone: 'Asia/Shanghai',
    limits: {
      ...{ conversations: 50, conversationsDays: 30, emotions: 200, emotionsDays: 90, profileDays: 365, alertsDays: 1095 },
      triage: DEFAULT_TRIAGE,
    },
    maxQueryCodePoints: 16_000,
    maxResponseCodePoints: 16_000,
    logLevel: 'info',
    warnings: [],
  })
  expect(Object.isFrozen(loadConfig({}))).toBe(true)
})

test('an empty setting counts as left out, and spaces around a value do not matter', () => {
  expect(loadConfig({ PORT: '', HOST: ' 0.0.0.0 ' })).toMatchObject({ port: 8001, host: '0.0.0.0' })
})

test('the store and the log level can be written in any case', () => {
  expect(loadConfig({ MEMORY_STORAGE_BACKEND: 'Redis', LOG_LEVEL: 'WARN' })).toMatchObject({ storageBackend: 'redis', logLevel: 'warn' })
})

test('REDIS_URL takes precedence over REDIS_HOST and REDIS_PORT, and says so', () => {
  expect(loadConfig({ REDIS_HOST: 'cache', REDIS_PORT: '7000' }).redisUrl).toBe('redis://cache:7000')
  expect(loadConfig({ REDIS_HOST: '::1' }).redisUrl).toBe('redis://[::1]:6379')
  const both = loadConfig({ REDIS_URL: '/run/redis.sock', REDIS_HOST: 'cache' })
  expect(both.redisUrl).toBe('/run/redis.sock')
  expect(both.warnings).toEqual([expect.stringContaining('REDIS_HOST and REDIS_PORT are ignored')])
})

test('sentinels tell where Redis is, each with its host and port', () => {
  const list = { REDIS_SENTINELS: 'one:26379, [::1]:26380,10.0.0.3:5000', REDIS_URL: 'rediss://:s3cret@ignored/2' }
  const sentinels = [
    { host: 'one', port: 26_379 },
    { host: '::1', port: 26_380 },
    { host: '10.0.0.3', port: 5_000 },
  ]
  expect(loadConfig(list).redisTarget).toEqual({ url: list.REDIS_URL, sentinels, sentinelName: 'mymaster' })
  const named = { ...list, REDIS_SENTINEL_NAME: 'xinyi', REDIS_SENTINEL_PASSWORD: 'pass' }
  expect(loadConfig(named).redisTarget).toMatchObject({ sentinelName: 'xinyi', sentinelPassword: 'pass' })
  for (const wrong of ['one', 'one:0', 'one:65536', 'one:26379,', 'redis://:s3cret@one:26379', '::1:26379']) {
    expect(complaints({ REDIS_SENTINELS: wrong })).toEqual([
      '  - REDIS_SENTINELS has to be a list of host:port, separated by commas, such as sentinel-1:26379,sentinel-2:26379,sentinel-3:26379.',
    ])
  }
})

test('settings of Redis that are ignored are told', () => {
  expect(loadConfig({ REDIS_SENTINELS: 'one:26379', REDIS_HOST: 'cache' }).warnings).toEqual([
    expect.stringContaining('REDIS_HOST and REDIS_PORT are ignored'),
  ])
  expect(loadConfig({ REDIS_SENTINEL_PASSWORD: 'pass' }).warnings).toEqual([expect.stringContaining('REDIS_SENTINELS is not set')])
})

test('all mistakes are told at once, each with what to do', () => {
  const lines = complaints({
    HOST: 'a b',
    RETAIN_CONVERSATION: '5',
    PORT: '80a',
    LOCAL_TIME_ZONE: 'Mars/Base',
    RETAIN_EMOTIONS: '-1',
    TOPICS_FILE: '/nowhere/topics.json',
  })
  expect(lines).toEqual([
    '  - HOST is "a b"; it has to be the name or an address of this machine.',
    '  - PORT is "80a"; it has to be a whole number from 0 to 65535.',
    '  - RETAIN_EMOTIONS is "-1"; it has to be a whole number from 0 to 1000000.',
    '  - LOCAL_TIME_ZONE is "Mars/Base"; it has to be the IANA name of a time zone, such as Asia/Shanghai or Europe/Berlin.',
    "  - TOPICS_FILE: /nowhere/topics.json can't be read. Give the path of a file that is there, or leave TOPICS_FILE out.",
    '  - RETAIN_CONVERSATION is set and means nothing here; RETAIN_CONVERSATIONS was probably meant.',
  ])
})

const FREE_TEXTS = ['HOST', 'REDIS_HOST', 'REDIS_SENTINEL_PASSWORD', 'AUTH_ISSUER', 'AUTH_AUDIENCE']
test.each(SETTINGS.filter(({ name }) => !FREE_TEXTS.includes(name)).map(({ name }) => name))('a wrong %s is refused', (name) => {
  const wrong = name === 'DATA_DIR' ? 'd'.repeat(200) : 'no such thing'
  expect(complaints({ [name]: wrong })[0]).toContain(name)
})

test.each(SETTINGS)('the example of $name is one that it takes, and another than its default', ({ name, example, default: fallback }) => {
  // Those without one are made by a command, which is told.
  if (example === undefined) expect(SETTINGS.find((setting) => setting.name === name)?.expected).toContain('openssl rand')
  else {
    expect(Settings.shape).toHaveProperty(name)
    expect(Settings.partial().safeParse({ [name]: example })).toMatchObject({ success: true })
    expect(example).not.toBe(fallback)
  }
})

test('keys that tokens are checked by are not fetched where others could change them on the way', () => {
  for (const url of ['http://idp.example/jwks', 'http://10.0.0.1/jwks', 'http://localhost.example/jwks'])
    expect(complaints({ AUTH_JWKS_URL: url })).toEqual([expect.stringContaining('https://')])
  for (const url of ['https://idp.example/jwks', 'http://localhost:8080/jwks', 'http://127.0.0.1/jwks', 'http://[::1]:80/jwks'])
    expect(complaints({ AUTH_JWKS_URL: url })).toEqual([])
})

test('a password is never printed, wherever it was put', () => {
  const wrong = { REDIS_URL: 'redi://:s3cret@host', REDIS_HOST: 'redis://:s3cret@host' }
  expect(complaints(wrong)).toHaveLength(3)
  expect(complaints(wrong).join()).not.toContain('s3cret')
})

describe('a name that is nearly one of ours', () => {
  test.each([
    ['RETAIN_CONVERSATION', 'RETAIN_CONVERSATIONS'],
    ['REDIS_HOTS', 'REDIS_HOST'],
    ['DATADIR', 'DATA_DIR'],
    ['LOCAL_TIMEZONE', 'LOCAL_TIME_ZONE'],
    ['log_level', 'LOG_LEVEL'],
    ['XINYI_PORT', 'PORT'],
  ])('%s is reported', (name, meant) => {
    expect(loadConfig({ [name]: 'x' }).warnings).toEqual([`${name} is set and means nothing here; ${meant} was probably meant.`])
  })

  test.each([
    'PATH',
    'HOME',
    'HOSTNAME',
    'HOSTTYPE',
    'PORTAGE',
    'POST',
    'SORT',
    'GHOST',
    'REDIS_PASSWORD',
    'REDIS_PORT_6379_TCP',
    'DATABASE_URL',
  ])('%s is left alone', (name) => expect(loadConfig({ [name]: 'x' }).warnings).toEqual([]))
})

describe('the vocabulary', () => {
  const withFile = (content: string): Environment => {
    const dir = tempDir()
    onTestFinished(dir.remove)
    const file = join(dir.path, 'topics.json')
    writeFileSync(file, content)
    return { TOPICS_FILE: file }
  }

  test("starts from the predecessor's 24 words, in its order", () => {
    expect(DEFAULT_VOCABULARY.map(({ topic }) => topic).join(' ')).toBe(
      '焦虑 抑郁 压力 失眠 工作 学习 家庭 父母 恋爱 分手 孤独 自卑 恐惧 强迫 社交 人际 考试 失业 离婚 死亡 痛苦 绝望 迷茫 空虚',
    )
  })

  test('knows common English words for the same topics, as whole words', () => {
    expect(topicsIn('I was so anxious about work that I can’t sleep.', DEFAULT_VOCABULARY)).toEqual(['焦虑', '失眠', '工作'])
    expect(topicsIn('Homeworks networked painter', DEFAULT_VOCABULARY)).toEqual([])
  })

  test('is replaced by a file', () => {
    const { vocabulary } = loadConfig(withFile('\uFEFF[{"topic": " sleep ", "words": ["insomnia", "失眠"]}, {"topic": "工作"}]'))
    expect(vocabulary).toEqual([
      { topic: 'sleep', words: ['sleep', 'insomnia', '失眠'] },
      { topic: '工作', words: ['工作'] },
    ])
  })

  test.each([
    ['{', 'is not JSON'],
    ['{}', 'expected array'],
    ['[]', '>=1'],
    ['[{"topic": ""}]', 'topic'],
    ['[{"topic": "a"}, {"topic": "a"}]', 'names a topic twice'],
    ['[{"topic": "a", "word": ["b"]}]', 'word'],
  ])('a file with %s is refused with its fault and the format', (content, fault) => {
    const [line = ''] = complaints(withFile(content))
    expect(line).toContain(fault)
    expect(line).toContain('[{"topic": "sleep", "words": ["insomnia", "失眠"]}]')
  })
})
