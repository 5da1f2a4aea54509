import type { ExportLegacyQuery } from '../gql/graphql.ts'
import { naiveTime } from '../local-time.ts'
import type { RiskLevel } from '../model.ts'
import { firstCodePoints } from '../services/text.ts'

type Found = ExportLegacyQuery['users']['edges'][number]['node']

/** A user as the predecessor keeps them: times naive, texts cut, and its three levels. */
export interface LegacyRecord {
  userId: string
  createdAt: string
  lastActive: string
  totalChats: number
  totalRiskAlerts: number
  topics: readonly string[]
  /** Newest first, at most 5. */
  turns: readonly {
    timestamp: string
    query: string
    response: string
    risk_level: string
    emotion_score: number | null
    references_count: number
  }[]
  /** Newest first, at most 10. */
  points: readonly { timestamp: string; score: number | null; risk: string }[]
}

const MAX_QUERY = 200
const MAX_RESPONSE = 400

/** It knows three levels: what is graver is high, and what is not known is low. */
const riskOf = (level: RiskLevel): string => (level === 'IMMINENT' ? 'high' : level === 'UNKNOWN' ? 'low' : level.toLowerCase())

export function legacyRecord(user: Found, timeZone: string): LegacyRecord {
  const local = (time: string): string => naiveTime(Date.parse(time), timeZone)
  return {
    userId: user.userId,
    createdAt: local(user.createdAt),
    lastActive: local(user.lastActiveAt ?? user.createdAt),
    totalChats: user.totalChats,
    totalRiskAlerts: user.totalRiskAlerts,
    topics: user.topics.edges.map(({ node }) => node.name),
    turns: user.conversations.edges.map(({ node }) => ({
      timestamp: local(node.occurredAt),
      query: firstCodePoints(node.query, MAX_QUERY),
      response: firstCodePoints(node.response, MAX_RESPONSE),
      risk_level: riskOf(node.riskLevel),
      emotion_score: node.emotionScore ?? null,
      references_count: node.references,
    })),
    points: user.emotions.edges.map(({ node }) => ({
      timestamp: local(node.occurredAt),
      score: node.score ?? null,
      risk: riskOf(node.riskLevel),
    })),
  }
}
