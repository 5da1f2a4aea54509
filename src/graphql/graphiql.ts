import type { GraphiQLOptions } from 'graphql-yoga'

const USERS = `# Xinyi (心忆) remembers what people and their
# counselling assistant said to each other.
#
# Run this with the play button or Ctrl-Enter.
# The other tabs have more examples; the book on
# the left explains every type and field;
# Ctrl-Space completes what you type.

query Users {
  overview { users activeUsers openAlerts }
  users(first: 10, orderBy: RISK_DESC) {
    totalCount
    edges {
      node {
        userId
        lastActiveAt
        currentRisk
        attention
        totalChats
        topics(first: 3) {
          edges { count node { name } }
        }
      }
    }
    # The next page: users(after: endCursor).
    pageInfo { hasNextPage endCursor }
  }
}
`

const PERSON = `# Everything about one person. The userId is a
# variable, below: take one from the first tab.

query Person($userId: String!) {
  user(userId: $userId) {
    summary
    currentRisk
    attention
    conversations(first: 5) {
      edges {
        node {
          occurredAt
          riskLevel
          emotionScore
          query
          response
          topics { name }
        }
      }
    }
    emotionTrend(window: 3) {
      count
      mean
      movingAverage
      volatility
      slopePerDay
    }
    riskAlerts(first: 3) {
      edges { node { level status raisedAt } }
    }
    # Ready for a language model's prompt:
    context(maxTurns: 3) { estimatedTokens text }
  }
}
`

const RECORD = `# Records a conversation. Run it twice: its
# idempotencyKey keeps it from counting twice.
# A riskLevel of MEDIUM or above raises an alert,
# or adds to the one that is open.

mutation Record($input: RecordConversationInput!) {
  recordConversation(input: $input) {
    duplicate
    conversation { id occurredAt topics { name } }
    user { userId totalChats currentRisk }
    alert { level status occurrences }
  }
}
`

const ALERTS = `# Alerts as they happen. Run this, then record a
# risky conversation in another window (another
# tab in here would end the subscription). With
# riskAlerts(after: "<the last cursor>") it goes
# on where it ended, and nothing is missed.

subscription Alerts {
  riskAlerts(minLevel: MEDIUM) {
    cursor
    replayed
    event { kind at level }
    alert {
      level
      status
      occurrences
      user { userId }
    }
  }
}
`

const json = (value: unknown): string => JSON.stringify(value, null, 2)

export const GRAPHIQL: GraphiQLOptions = {
  title: 'Xinyi',
  defaultQuery: USERS,
  defaultTabs: [
    { query: USERS },
    { query: PERSON, variables: json({ userId: 'ada' }) },
    {
      query: RECORD,
      variables: json({
        input: {
          userId: 'ada',
          query: '最近总是失眠，工作压力很大。',
          response: '听起来你最近很辛苦。失眠是从什么时候开始的？',
          riskLevel: 'MEDIUM',
          emotionScore: -0.4,
          idempotencyKey: 'my-first-conversation',
        },
      }),
    },
    { query: ALERTS },
  ],
  // The same protocol that dashboards use.
  subscriptionsProtocol: 'WS',
}
