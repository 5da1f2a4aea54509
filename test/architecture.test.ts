import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const files = globSync('src/**/*.{ts,js,lua,sql}').filter((file) => !file.startsWith('src/gql/'))
const textOf = (file: string): string => readFileSync(file, 'utf8')
const ours = (file: string): string[] =>
  [...textOf(file).matchAll(/(?:from|import)\s*\(?'(\.[^']+)'/g)].map(([, path]) => join(dirname(file), path ?? ''))
const within =
  (...places: string[]) =>
  (file: string) =>
    places.some((place) => file.startsWith(`src/${place}`))
const STORES = ['store/redis/', 'store/sqlite/']

test.each([
  ['the vocabulary imports nothing of ours', within('model.ts', 'errors.ts'), within('')],
  [
    'the Redis store does not know SQLite, nor who asks',
    within('store/redis/'),
    within('store/sqlite/', 'services/', 'graphql/', 'http/', 'commands/'),
  ],
  [
    'the SQLite store does not know Redis, nor who asks',
    within('store/sqlite/'),
    within('store/redis/', 'services/', 'graphql/', 'http/', 'commands/'),
  ],
  ['the contract knows no store', within('store/store.ts', 'store/rules.ts'), within(...STORES, 'services/', 'graphql/', 'http/')],
  ['the services know the contract only', within('services/'), within(...STORES, 'graphql/', 'http/', 'commands/', 'app.ts')],
  ['GraphQL knows no store and no HTTP', within('graphql/'), within(...STORES, 'http/', 'commands/', 'app.ts')],
  ['HTTP knows no store', within('http/'), within(...STORES, 'commands/', 'app.ts')],
  ['commands build nothing themselves', within('commands/'), within(...STORES)],
])('%s', (_, of, forbidden) => {
  expect(
    files.filter(of).flatMap((file) =>
      ours(file)
        .filter(forbidden)
        .map((path) => `${file} imports ${path}`),
    ),
  ).toEqual([])
})

test('the environment is read in one place, and one place ends the process', () => {
  const using = (text: string) => files.filter((file) => textOf(file).includes(text))
  expect(using('process.env').filter((file) => !within('config.ts', 'xinyi.js')(file))).toEqual([])
  expect(using('process.exit(').filter((file) => !within('main.ts')(file))).toEqual([])
})

test('no file is longer than 300 lines', () => {
  expect(files.filter((file) => textOf(file).split('\n').length > 301)).toEqual([])
})
