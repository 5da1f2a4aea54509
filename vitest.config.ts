import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// Threads and processes that tests start load the program in half the time.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache')

export default defineConfig({
  // The very file that Node gives to our dependencies: vite alone would take the package's other build, and graphql must exist once.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/helpers/setup.ts',
    // Most of the time a test waits for servers; two for each core keep them busy.
    maxWorkers: 2 * availableParallelism(),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A file that finishes leaves nothing behind: its servers die with it.
    teardownTimeout: 5_000,
  },
})
