#!/usr/bin/env -S node --max-semi-space-size=16
// Plain JavaScript of old: it has to be understood by the very runtimes that it refuses.
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Xinyi needs Node.js 22.18 or newer, and this is ${process.versions.node}: run npm ci, which brings Node.js 24 into this directory, then npm start or npx xinyi.`,
  )
  process.exitCode = 1
} else {
  // Loading takes half as long the next time, in the threads of this process as well.
  const inTemp = () => process.getBuiltinModule('node:path').join(process.getBuiltinModule('node:os').tmpdir(), 'node-compile-cache')
  process.env.NODE_COMPILE_CACHE = process.env.NODE_COMPILE_CACHE || inTemp()
  process.getBuiltinModule('node:module').enableCompileCache?.()
  process.stdout.on('error', (error) => {
    // Whoever reads it, such as head, may have seen enough.
    if (error.code === 'EPIPE') return
    console.error(`Not everything could be printed (${error.code}).`)
    process.exitCode = 1
  })
  const run = async () => {
    const main = await import('./main.ts')
    const code = await main.run(process.argv.slice(2), process.env)
    process.exitCode ||= code
  }
  run()
}
