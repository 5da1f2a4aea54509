import { describe, expect, test } from 'vitest'
import { stores } from '../helpers/stores.ts'
import { seed, userName } from './seed.ts'
import { serve } from './serve.ts'

const kinds = (reads: readonly (readonly { kind: string }[])[]) => reads.map((batch) => [...new Set(batch.map(({ kind }) => kind))].sort())

describe.each(stores)('reads of $name', (kind) => {
  test('20 users with conversations, topics, points and alerts take one round trip a level', async () => {
    const { ask, services, reads } = await serve(kind)
    await seed(services.store, { count: 40, each: 5 })
    const { users } = await ask(`{
      users(first: 20) { edges { node {
        userId summary attention
        conversations(first: 5) { edges { node { id topics { name } user { userId } } } }
        topics(first: 5) { edges { count node { id name } } }
        emotions(first: 5) { edges { node { score conversation { query } } } }
        emotionTrend { mean } context { text }
        riskAlerts(first: 2) { edges { node { level history { edges { node { kind } } } conversation { id } } } }
      } } }
    }`)
    expect(users.edges).toHaveLength(20)
    expect(users.edges[3].node.emotions.edges[0].node.conversation.query).toBe('问题 3 0 🙂')
    expect(kinds(reads)).toEqual([
      ['users'],
      ['conversations', 'emotions', 'userAlerts', 'userTopics'],
      ['alertHistory', 'conversation', 'user'],
    ])
    // The same thing asked for in several places is read once.
    expect(reads[2]?.filter((read) => read.kind === 'user')).toHaveLength(20)
  })

  test('what the parent already holds is not read again', async () => {
    const { ask, services, reads } = await serve(kind)
    await seed(services.store, { count: 3 })
    await ask(
      '{ users { edges { node { id userId totalChats currentRisk attention createdAt } } } topics { edges { userCount node { id name } } } overview { users } }',
    )
    expect(kinds(reads)).toEqual([['overview', 'topics', 'users']])
  })

  test('the prompt of somebody takes one round trip, and asks nothing twice', async () => {
    const { ask, services, reads } = await serve(kind)
    await seed(services.store, { count: 3, each: 5 })
    const { user } = await ask(`{ user(userId: "${userName(1)}") { summary context { text } two: context(maxTurns: 2) { text } } }`)
    expect(user.summary).toContain('5')
    expect(user.two.text).not.toBe(user.context.text)
    expect(kinds(reads)).toEqual([['conversations', 'user', 'userTopics']])
    expect(reads[0]).toHaveLength(4)
  })

  test('what of a prompt is left out by a directive is not read', async () => {
    const { run, services, reads } = await serve(kind)
    await seed(services.store, { count: 1 })
    const document = `query ($yes: Boolean!) { user(userId: "${userName(0)}") { userId summary @skip(if: $yes) context @include(if: $yes) { text } } }`
    await run(document, { yes: true })
    await run(document, { yes: false })
    expect(kinds(reads)).toEqual([
      ['conversations', 'user'],
      ['user', 'userTopics'],
    ])
  })

  test('too many turns are refused as ever, and whoever is not known has no prompt', async () => {
    const { run, services } = await serve(kind)
    await seed(services.store, { count: 1 })
    const asking = (userId: string, turns: number) => run(`{ user(userId: "${userId}") { summary context(maxTurns: ${turns}) { text } } }`)
    expect((await asking(userName(0), 101)).errors?.[0]?.path).toEqual(['user', 'context'])
    expect((await asking('nobody', 3)).data).toEqual({ user: null })
  })

  test('a recording is answered with at most one read after the write', async () => {
    const { ask, reads } = await serve(kind)
    const record = (args: string, fields: string) =>
      ask(`mutation { recordConversation(input: { userId: "u", query: "q", response: "r", ${args} }) { ${fields} } }`)
    await record('riskLevel: LOW', 'duplicate durability conversation { id query } alert { id }')
    expect(reads).toEqual([])
    await record('riskLevel: HIGH', 'conversation { id } user { totalChats } alert { level }')
    expect(kinds(reads)).toEqual([['alert', 'user']])
  })
})
