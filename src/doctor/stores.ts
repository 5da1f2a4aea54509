import type { StorageFactsFragment } from '../gql/graphql.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** How the stores of a server work together, as it says itself. */
export function checkStores(facts: StorageFactsFragment): Finding[] {
  const { mode, pinned, complete, pendingWrites, writeError, reconciliation, redis } = facts
  const findings = [writesOf(writeError)]
  if (pinned) findings.push(warning('mode', 'SQLite serves because it was pinned. npx xinyi storage pin auto lets Redis serve again.'))
  else if (mode === 'FALLBACK')
    findings.push(
      problem(
        'mode',
        `SQLite serves because Redis does not (${redis?.lastError ?? 'no answer'}). See to Redis; the rest follows by itself.`,
      ),
    )
  else findings.push(ok('mode', `${mode}.`))
  findings.push(
    pendingWrites > 0 && mode !== 'PRIMARY'
      ? warning(
          'pending writes',
          `${pendingWrites} wait for Redis, and are on this disk alone. Keep the data directory until Redis is back.`,
        )
      : ok('pending writes', 'Nothing waits for Redis.'),
  )
  if (!complete)
    findings.push(
      warning('agreement', 'This server has not yet taken over everybody from Redis. Leave it running with Redis until it has.'),
    )
  else if (reconciliation?.inAgreement === false)
    findings.push(
      warning('agreement', 'Redis and SQLite differed when they were compared last; it is being put right. Look again in a minute.'),
    )
  else if (mode === 'EMBEDDED') findings.push(ok('agreement', 'SQLite is the only store.'))
  else findings.push(ok('agreement', reconciliation?.inAgreement ? 'Redis and SQLite agree.' : 'Not everybody has been compared yet.'))
  return findings
}

function writesOf(writeError: string | null): Finding {
  if (writeError === null) return ok('writes', 'The disk did not refuse the last recording.')
  const what =
    writeError === 'FILE_GONE'
      ? 'The data file was moved or removed under the server. Stop the server, put the file back beside its -wal, and start it'
      : 'See to the disk of DATA_DIR, its space and its permissions'
  return problem('writes', `The disk refused the last recording (${writeError}), and none is taken until it can. ${what}.`)
}
