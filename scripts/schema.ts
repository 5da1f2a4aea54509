// Prints the GraphQL schema into schema/schema.graphql, and what the migrations of SQLite lead to into src/store/sqlite/schema.sql,
// which new files are made with; with --check only says whether those are up to date.
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { lexicographicSortSchema, printSchema } from 'graphql'
import { schema } from '../src/graphql/schema.ts'

const ROOT = join(import.meta.dirname, '..')
const STATEMENTS = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"

function tables(): string {
  const db = new Database(':memory:')
  const migrations = globSync('src/store/sqlite/migrations/*.sql', { cwd: ROOT }).sort()
  for (const file of migrations) db.exec(readFileSync(join(ROOT, file), 'utf8'))
  const statements = db.prepare<[], string>(STATEMENTS).pluck().all()
  const names = db
    .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
    .pluck()
  const filled = names.all().filter((name) => db.prepare(`SELECT 1 FROM ${name}`).get() !== undefined)
  if (filled.length > 0) throw new Error(`The migrations put rows into ${filled.join(', ')}, which new files would lack.`)
  db.close()
  return `-- What the migrations lead to: npm run schema\n\n${statements.map((sql) => `${sql};\n`).join('\n')}`
}

const printed = {
  'schema/schema.graphql': `${printSchema(lexicographicSortSchema(schema))}\n`,
  'src/store/sqlite/schema.sql': tables(),
}

for (const [file, text] of Object.entries(printed)) {
  if (!process.argv.includes('--check')) writeFileSync(join(ROOT, file), text)
  else if (readFileSync(join(ROOT, file), 'utf8') !== text) {
    console.error(`${file} is stale: npm run schema`)
    process.exitCode = 1
  }
}
