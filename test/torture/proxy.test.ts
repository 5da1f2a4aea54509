import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { startProxy } from '../helpers/proxy.ts'
import { startRedis } from '../helpers/redis.ts'

async function throughProxy() {
  const server = await startRedis()
  const proxy = await startProxy({ path: server.socket })
  const connect = () => {
    const redis = new Redis(proxy.url, { retryStrategy: () => null, maxRetriesPerRequest: 0 })
    redis.on('error', () => {})
    onTestFinished(() => redis.disconnect())
    return redis
  }
  const straight = new Redis(server.socket)
  onTestFinished(async () => {
    straight.disconnect()
    await proxy.close()
    await server.remove()
  })
  const redis = connect()
  await redis.ping()
  return { proxy, redis, straight, connect }
}

test('a hung proxy hands nothing on, and what was sent meanwhile arrives when it is healed', async () => {
  const { proxy, redis, straight } = await throughProxy()
  proxy.hang()
  const answer = redis.incr('x')
  expect(await Promise.race([answer, setTimeout(300, 'nothing')])).toBe('nothing')
  expect(await straight.get('x')).toBe(null)
  proxy.heal()
  expect(await answer).toBe(1)
})

test('a cut proxy resets its connections, and every new one', async () => {
  const { proxy, redis, connect } = await throughProxy()
  proxy.cut()
  await expect(redis.ping()).rejects.toThrow()
  await expect(connect().ping()).rejects.toThrow()
  expect(proxy.connections).toBe(0)
  proxy.heal()
  expect(await connect().ping()).toBe('PONG')
})

test('a proxy that drops replies lets requests through, then resets', async () => {
  const { proxy, redis, straight } = await throughProxy()
  proxy.dropReplies()
  await expect(redis.incr('x')).rejects.toThrow()
  expect(await straight.get('x')).toBe('1')
})

test('a slow proxy delays both ways and keeps the order', async () => {
  const { proxy, redis } = await throughProxy()
  proxy.slow(30)
  const began = performance.now()
  await redis.incr('x')
  expect(performance.now() - began).toBeGreaterThan(55)
  const under = Array.from({ length: 5 }, () => redis.incr('x'))
  proxy.heal()
  expect(await Promise.all([...under, redis.incr('x')])).toEqual([2, 3, 4, 5, 6, 7])
})
