import { expect, test } from 'vitest'
import { StartError, storeUnavailable, XinyiError } from '../../src/errors.ts'
import { describeError } from '../../src/logging.ts'

test('an error is logged with where it happened, and with its message only when that is known to hold nobody’s words', () => {
  const words = 'I can not sleep'
  const parsing = (() => {
    try {
      return JSON.parse(words)
    } catch (error) {
      return error
    }
  })()
  const reply = Object.assign(new Error(`OOM command not allowed: ${words}`), { name: 'ReplyError', command: { args: [words] } })
  for (const error of [parsing, reply, storeUnavailable(reply), new Error(words), Object.assign(new Error(`\n    at ${words}:1:1`))]) {
    const logged = JSON.stringify(describeError(error))
    expect(logged).not.toContain('sleep')
    expect(logged).toContain('logging.test.ts')
  }
  expect(describeError(reply)).toMatchObject({ type: 'ReplyError', code: 'OOM' })
  expect(describeError(new XinyiError('CONFLICT', 'known', 'hint'))).toMatchObject({ code: 'CONFLICT', message: 'known' })
  expect(describeError(new StartError('known'))).toMatchObject({ type: 'StartError', message: 'known' })
})
