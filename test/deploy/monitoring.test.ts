import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { startApp } from '../http/app.ts'

const RULES = 'deploy/prometheus/rules.yml'
const DASHBOARD = 'deploy/grafana/xinyi.json'

const Rules = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          labels: z.object({ severity: z.enum(['page', 'ticket']) }),
          annotations: z.object({ summary: z.string(), runbook_url: z.string() }),
        }),
      ),
    }),
  ),
})
const Dashboard = z.object({
  panels: z.array(z.object({ id: z.int(), title: z.string(), targets: z.array(z.object({ expr: z.string() })).min(1) })).min(1),
})

const rules = () => Rules.parse(parse(readFileSync(RULES, 'utf8'))).groups.flatMap(({ rules }) => rules)
const panels = () => Dashboard.parse(JSON.parse(readFileSync(DASHBOARD, 'utf8'))).panels
const namesIn = (text: string): string[] => [...new Set(text.match(/\b(?:xinyi|nodejs|process)_[a-z0-9_]+/g))]

/** The names that a server's samples can have, also where there is none yet. */
async function namesOfServer(): Promise<Set<string>> {
  const { url } = await startApp({
    ALERT_WEBHOOK_URL: 'http://127.0.0.1:1/',
    ALERT_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 'k').toString('base64')}`,
  })
  const page = await (await fetch(new URL('/metrics', url))).text()
  const types = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
  return new Set(
    types.flatMap(([, name = '', type]) => (type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name])),
  )
}

test('every metric that the rules, the dashboard and the documentation name is one that a server tells, and all of ours are documented', async () => {
  const told = await namesOfServer()
  const queries = [...rules().map(({ expr }) => expr), ...panels().flatMap(({ targets }) => targets.map(({ expr }) => expr))]
  const named = queries.flatMap(namesIn)
  expect(named.length).toBeGreaterThan(queries.length / 2)
  expect(named.filter((name) => !told.has(name))).toEqual([])
  const documented = namesIn(readFileSync('docs/monitoring.md', 'utf8')).filter((name) => name.startsWith('xinyi_'))
  const ours = [...told].filter((name) => name.startsWith('xinyi_')).map((name) => name.replace(/_(bucket|sum|count)$/, ''))
  expect(documented.sort()).toEqual([...new Set(ours)].sort())
})

test('every alert rule has a paragraph that says what to do', () => {
  const headings = [...readFileSync('docs/operations.md', 'utf8').matchAll(/^## (\S+)$/gm)].map(([, heading]) => heading)
  expect(headings).toEqual(expect.arrayContaining(rules().map(({ alert }) => alert)))
  for (const { alert, annotations } of rules()) expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`)
})

test('each panel of the dashboard has an id of its own', () => {
  const ids = panels().map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
})
