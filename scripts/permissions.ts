import { isInterfaceType, isObjectType } from 'graphql'
import { type Rule, ruleOf } from '../src/graphql/rights.ts'
import { schema } from '../src/graphql/schema.ts'
import { ROLES, type Role } from '../src/model.ts'

const HEAD = `# Who may

Generated from the schema by \`npm run docs\`: each type and field declares it, in \`src/graphql/types/\`. What stands behind it is in
[security.md](security.md#who-may).

- A counselor may what is marked of their own people, and of whoever is escalated to them as long as nobody else acknowledges it; nobody else exists for them.
- Whoever has several roles may what any of them may. Whoever is not signed in may nothing.
- Everybody who is signed in may look at the schema itself (\`__schema\`, \`__type\`, \`__typename\`).
`

interface Decided {
  type: string
  field: string
  rule: Rule
}

const FIRST = ['Query', 'Mutation', 'Subscription']
const place = (name: string): string => `${FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length} ${name}`

const fields: readonly Decided[] = Object.values(schema.getTypeMap())
  .filter((type) => isObjectType(type) || isInterfaceType(type))
  .filter(({ name }) => !name.startsWith('__'))
  .sort((a, b) => (place(a.name) < place(b.name) ? -1 : 1))
  .flatMap((type) =>
    Object.values(type.getFields())
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((field) => {
        const rule = ruleOf(type, field)
        if (!rule) throw new Error(`Nothing says who may read ${type.name}.${field.name}.`)
        return { type: type.name, field: field.name, rule }
      }),
  )

const granters = (scope: string): readonly Decided[] => fields.filter(({ rule }) => rule.grants.includes(scope))

function mark(role: Role, { roles, below }: Rule): string {
  if (roles.includes(role)) return '✓'
  const at = below === null ? [] : granters(below).filter(({ rule }) => rule.roles.includes(role))
  return at.map(({ type, field }) => `in \`${type}.${field}\``).join(', ')
}

/** The rules of the schema as one table of Markdown: fields of a type with the same rule share a row. */
export function permissions(): string {
  const rows = new Map<string, { type: string; marks: string; names: string[] }>()
  for (const { type, field, rule } of fields) {
    const marks = ROLES.map((role) => mark(role, rule)).join(' | ')
    const row = rows.get(`${type} ${marks}`) ?? { type, marks, names: [] }
    row.names.push(`\`${field}\``)
    rows.set(`${type} ${marks}`, row)
  }
  const lines = [...rows.values()].map(({ type, names, marks }) => `| \`${type}\` | ${names.join(' ')} | ${marks} |`)
  return [HEAD, `| Type | Fields | ${ROLES.join(' | ')} |`, `| --- | --- |${' :-: |'.repeat(ROLES.length)}`, ...lines, ''].join('\n')
}
