// npm run check: everything that can be checked without running the product, at once.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'

const CHECKS: Record<string, readonly string[]> = {
  'style (npm run format)': ['biome', 'check', '--error-on-warnings', '.'],
  types: ['tsc'],
  'schema/schema.graphql, src/store/sqlite/schema.sql (npm run schema)': ['node', 'scripts/schema.ts', '--check'],
  'src/gql (npm run codegen)': ['graphql-codegen', '--config', 'codegen.yml', '--check'],
  'README and docs (npm run docs)': ['node', 'scripts/docs.ts', '--check'],
}

async function passes(name: string, [program = '', ...args]: readonly string[]): Promise<boolean> {
  const began = performance.now()
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const [code, said, complained] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  console.log(`${code === 0 ? '✓' : '✗'} ${name} ${Math.round(performance.now() - began)} ms`)
  if (code !== 0) console.error(said + complained)
  return code === 0
}

const results = await Promise.all(Object.entries(CHECKS).map(([name, command]) => passes(name, command)))
if (results.includes(false)) process.exitCode = 1
