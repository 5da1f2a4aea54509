import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// What the tests run in threads and processes of their own is loaded from there.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache')

/** Replaces modules, so that it needs some of its own. */
const REPLACING = ['test/store/views.test.ts']

export default defineConfig({
  // The very file that Node gives to our dependencies: vite alone would take the package's other build, and graphql must exist once.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    // Loading the program takes a second or two: once for each worker, not for each file. What a file begins, it ends; what it changes, it puts back.
    projects: [
      { extends: true, test: { name: 'tests', include: ['test/**/*.test.ts'], exclude: REPLACING, isolate: false } },
      { extends: true, test: { name: 'apart', include: REPLACING } },
    ],
    unstubEnvs: true,
    globalSetup: 'test/helpers/setup.ts',
    // Most of the time a test waits for servers; two for each core keep them busy.
    maxWorkers: 2 * availableParallelism(),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A file that finishes leaves nothing behind: its servers die with it.
    teardownTimeout: 5_000,
  },
})
