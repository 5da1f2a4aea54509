/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** What is to be done about an alert. */
export type AlertActionInput = {
  /** Global id of the alert. */
  alertId: string | number;
  /** The version of the alert that this was decided on: CONFLICT where it is another by now. The present one when left out. */
  expectedVersion?: number | null | undefined;
  /** What is to be said about it, up to 4,000 code points. It stays in the history. */
  note?: string | null | undefined;
};

/** What happened to an alert. */
export type AlertEventKind =
  /** Somebody has taken it up, or goes on with it. */
  | 'ACKNOWLEDGED'
  /** Somebody else, or nobody, is to look after it. */
  | 'ASSIGNED'
  /** Nobody took it up in time, or somebody asked for help: others are told. */
  | 'ESCALATED'
  /** Whoever had taken it up was not heard of any more: it waits for somebody again. */
  | 'LAPSED'
  /** A further conversation was riskier, and lifted its level. */
  | 'LEVEL_RAISED'
  /** Somebody noted something; or an action that came too late was not carried out. */
  | 'NOTED'
  /** A further risky conversation was added to it. */
  | 'OCCURRED'
  /** A risky conversation raised it. */
  | 'RAISED'
  /** What it was about has come up again, or is graver: it waits for somebody again. */
  | 'REOPENED'
  /** Somebody has dealt with it. */
  | 'RESOLVED';

/** Where an alert stands. */
export type AlertStatus =
  /** Somebody has taken it up. */
  | 'ACKNOWLEDGED'
  /** Nobody has taken it up yet. */
  | 'OPEN'
  /** Dealt with; the next risky conversation raises another alert. */
  | 'RESOLVED';

/** Who is to look after a person. */
export type AssignCounselorInput = {
  /** Global id of the counselor; nobody when left out. */
  counselorId?: string | number | null | undefined;
  /** Why, up to 4,000 code points. It stays in the history of the alert, if there is one. */
  reason?: string | null | undefined;
  /** The caller's own id of the person, 1 to 512 code points. */
  userId: string;
};

/** How much attention a person needs, from the last 3 conversations ever recorded for them, by the time they happened. */
export type Attention =
  /** There are 3, and 2 or more of them were MEDIUM or above. */
  | 'NEEDS_ATTENTION'
  /** None of them was MEDIUM or above. */
  | 'NONE'
  /** One of them was MEDIUM or above (or both of only 2). */
  | 'WATCH';

/** Which copies of a recording existed when it was answered. */
export type Durability =
  /** The journal on the disk of this instance, and Redis. */
  | 'BOTH'
  /** SQLite on the disk of this instance alone: Redis is away, or not configured. */
  | 'JOURNAL';

/** A conversation that another system kept. */
export type MigratedConversationInput = {
  /** The mood in it. */
  emotionScore?: number | null | undefined;
  /** The same whenever it is taken over, 1 to 512 code points: known, it is not recorded again. */
  id: string;
  /** When it happened. */
  occurredAt: string;
  /** What the person wrote. */
  query: string;
  /** How many sources the answer drew on. */
  references: number;
  /** What the assistant answered. */
  response: string;
  /** How much it worried. */
  riskLevel: RiskLevel;
};

/** A mood that another system kept without its conversation. */
export type MigratedEmotionInput = {
  /** The same whenever it is taken over: known, it is not taken again. */
  id: string;
  /** When it was taken. */
  occurredAt: string;
  /** How much it worried. */
  riskLevel: RiskLevel;
  /** The mood; null where there is no score. */
  score?: number | null | undefined;
};

/** A person whom another system knew. */
export type MigratedUserInput = {
  /** What it still keeps. */
  conversations: Array<MigratedConversationInput>;
  /** Since when it knew them. */
  createdAt?: string | null | undefined;
  /** Moods whose conversations are not kept any more. */
  emotions: Array<MigratedEmotionInput>;
  /** When they last talked to it. */
  lastActiveAt?: string | null | undefined;
  /** Name of that system, of the characters a-z, 0-9, ".", "+" and "-". */
  source: string;
  /** What they talked about; what the conversations tell of is counted by these. */
  topics: Array<string>;
  /** Conversations that it has ever counted, those given here included. The latest count of a system holds. */
  totalChats: number;
  /** The same of conversations of risk MEDIUM or above. */
  totalRiskAlerts: number;
  /** Their id there and here. */
  userId: string;
};

/** One exchange to record. */
export type RecordConversationInput = {
  /** The mood in it, on any scale; must be finite. */
  emotionScore?: number | null | undefined;
  /** Makes a retry safe; scope: one user, at least 7 days. The same key with the same content answers the first recording with `duplicate` true; with other content it is CONFLICT. */
  idempotencyKey?: string | null | undefined;
  /** When it happened; now when left out. More than 60 s in the future: BAD_USER_INPUT. Older than the retention: counted, not kept. More than 24 h ago: raises no alert. */
  occurredAt?: string | null | undefined;
  /** What the person wrote: 1 to 16,000 code points unless configured otherwise; longer is BAD_USER_INPUT, never cut. */
  query: string;
  /** Raise an alert although it happened more than 24 h ago, if not more than 7 days, and the person has none: for imports. Nobody is escalated to for it. */
  raiseAlert?: boolean | null | undefined;
  /** How many sources the answer drew on; 0 or more. */
  references?: number | null | undefined;
  /** What the assistant answered, with the same limit; it may be empty. */
  response: string;
  /** How much it worries. MEDIUM or above raises an alert or adds to the open one. */
  riskLevel?: RiskLevel;
  /** What it is about: at most 20 names of up to 64 code points, trimmed and brought to Unicode NFC. When left out, the words of the configured vocabulary are looked for in the query. */
  topics?: Array<string> | null | undefined;
  /** The caller's own id of the person, up to 512 code points of any kind. Empty or `anonymous`: they get a fresh `anon_<YYYYMMDD>_<32 hex digits>`, which the payload tells; with an idempotencyKey it follows from the key (the date is 00000000 where occurredAt is absent), so that a retry finds itself. */
  userId: string;
};

/** How an alert was dealt with. */
export type ResolveRiskAlertInput = {
  /** Global id of the alert. */
  alertId: string | number;
  /** The version of the alert that this was decided on: CONFLICT where it is another by now. The present one when left out. */
  expectedVersion?: number | null | undefined;
  /** What else is to be said about it, up to 4,000 code points. It stays in the history. */
  note?: string | null | undefined;
  /** How it was dealt with: 1 to 4,000 code points. */
  resolution: string;
};

/** Which alerts to list; all that is given has to hold. */
export type RiskAlertFilter = {
  /** Global id of the counselor who is to look after it. */
  assigneeId?: string | number | null | undefined;
  /** Of this level or above. */
  minLevel?: RiskLevel | null | undefined;
  /** One of these. An empty list is BAD_USER_INPUT. */
  status?: Array<AlertStatus> | null | undefined;
  /** Whether nobody is. */
  unassigned?: boolean | null | undefined;
};

/** How much a conversation worries whoever assessed it; in ascending order. */
export type RiskLevel =
  /** Danger to the person or others is likely. */
  | 'HIGH'
  /** Danger is at hand: somebody has to act now. */
  | 'IMMINENT'
  /** No sign of danger. */
  | 'LOW'
  /** Signs that need watching; from here on a conversation counts as a risk alert and raises one. */
  | 'MEDIUM'
  /** Not assessed, or the assessment was not understood. */
  | 'UNKNOWN';

/** What somebody is, and so may do. */
export type Role =
  /** Runs the service. */
  | 'ADMIN'
  /** Looks after people. */
  | 'COUNSELOR'
  /** The assistant's back end. */
  | 'SERVICE'
  /** Looks after counselors, and sees everybody. */
  | 'SUPERVISOR';

/** A store that can answer. */
export type StorageBackend =
  /** Redis. */
  | 'REDIS'
  /** The SQLite file of this instance. */
  | 'SQLITE';

/** How the stores work together at the moment. */
export type StorageMode =
  /** Configured without Redis: SQLite is the only store. */
  | 'EMBEDDED'
  /** Redis is away: SQLite answers, and keeps what is written until Redis is back. */
  | 'FALLBACK'
  /** Redis answers. */
  | 'PRIMARY'
  /** Redis is back and receives what was written meanwhile; SQLite still answers. */
  | 'REPLAYING';

/** Which store an operator wants to serve. */
export type StoragePin =
  /** Redis whenever it answers. */
  | 'AUTO'
  /** SQLite, and no use of Redis, whether it answers or not. */
  | 'SQLITE';

/** Which users to list; all that is given has to hold. */
export type UserFilter = {
  /** The lastActiveAt is then or later. */
  activeSince?: string | null | undefined;
  /** The attention is exactly this. */
  attention?: Attention | null | undefined;
  /** Global id of the counselor who looks after them. */
  counselorId?: string | number | null | undefined;
  /** Whether there is an unresolved alert. */
  hasOpenAlert?: boolean | null | undefined;
  /** The currentRisk is this or above. */
  minRisk?: RiskLevel | null | undefined;
  /** The userId begins with this text, exactly; an empty text is no condition. */
  search?: string | null | undefined;
  /** Has ever talked about any of these: 1 to 20 names of topics. */
  topics?: Array<string> | null | undefined;
  /** Whether nobody looks after them. */
  unassigned?: boolean | null | undefined;
};

/** An order of users. Equal ones are told apart by userId. */
export type UserOrder =
  /** Newest user first. */
  | 'CREATED_DESC'
  /** Most recently active first. */
  | 'LAST_ACTIVE_DESC'
  /** Highest currentRisk first, then most recently active. */
  | 'RISK_DESC'
  /** By userId, in the order of its UTF-8 bytes. */
  | 'USER_ID_ASC';

export type AlertStateFragment = { id: string, level: RiskLevel, status: AlertStatus, version: number, occurrences: number, acknowledgedAt: string | null, acknowledgementExpiresAt: string | null, resolvedAt: string | null, resolution: string | null, escalationStep: number, nextEscalationAt: string | null, assignee: { id: string, name: string, role: Role } | null, acknowledgedBy: { name: string } | null, resolvedBy: { name: string } | null, escalatedTo: Array<{ name: string }>, history: { edges: Array<{ node: { kind: AlertEventKind, actor: string | null, note: string | null, level: RiskLevel } }> } };

export type AcknowledgeRiskAlertMutationVariables = Exact<{
  input: AlertActionInput;
}>;


export type AcknowledgeRiskAlertMutation = { acknowledgeRiskAlert: { durability: Durability, alert: { id: string, level: RiskLevel, status: AlertStatus, version: number, occurrences: number, acknowledgedAt: string | null, acknowledgementExpiresAt: string | null, resolvedAt: string | null, resolution: string | null, escalationStep: number, nextEscalationAt: string | null, assignee: { id: string, name: string, role: Role } | null, acknowledgedBy: { name: string } | null, resolvedBy: { name: string } | null, escalatedTo: Array<{ name: string }>, history: { edges: Array<{ node: { kind: AlertEventKind, actor: string | null, note: string | null, level: RiskLevel } }> } } } };

export type ResolveRiskAlertMutationVariables = Exact<{
  input: ResolveRiskAlertInput;
}>;


export type ResolveRiskAlertMutation = { resolveRiskAlert: { durability: Durability, alert: { id: string, level: RiskLevel, status: AlertStatus, version: number, occurrences: number, acknowledgedAt: string | null, acknowledgementExpiresAt: string | null, resolvedAt: string | null, resolution: string | null, escalationStep: number, nextEscalationAt: string | null, assignee: { id: string, name: string, role: Role } | null, acknowledgedBy: { name: string } | null, resolvedBy: { name: string } | null, escalatedTo: Array<{ name: string }>, history: { edges: Array<{ node: { kind: AlertEventKind, actor: string | null, note: string | null, level: RiskLevel } }> } } } };

export type EscalateRiskAlertMutationVariables = Exact<{
  input: AlertActionInput;
}>;


export type EscalateRiskAlertMutation = { escalateRiskAlert: { durability: Durability, alert: { id: string, level: RiskLevel, status: AlertStatus, version: number, occurrences: number, acknowledgedAt: string | null, acknowledgementExpiresAt: string | null, resolvedAt: string | null, resolution: string | null, escalationStep: number, nextEscalationAt: string | null, assignee: { id: string, name: string, role: Role } | null, acknowledgedBy: { name: string } | null, resolvedBy: { name: string } | null, escalatedTo: Array<{ name: string }>, history: { edges: Array<{ node: { kind: AlertEventKind, actor: string | null, note: string | null, level: RiskLevel } }> } } } };

export type AddRiskAlertNoteMutationVariables = Exact<{
  input: AlertActionInput;
}>;


export type AddRiskAlertNoteMutation = { addRiskAlertNote: { durability: Durability, alert: { id: string, level: RiskLevel, status: AlertStatus, version: number, occurrences: number, acknowledgedAt: string | null, acknowledgementExpiresAt: string | null, resolvedAt: string | null, resolution: string | null, escalationStep: number, nextEscalationAt: string | null, assignee: { id: string, name: string, role: Role } | null, acknowledgedBy: { name: string } | null, resolvedBy: { name: string } | null, escalatedTo: Array<{ name: string }>, history: { edges: Array<{ node: { kind: AlertEventKind, actor: string | null, note: string | null, level: RiskLevel } }> } } } };

export type AssignCounselorMutationVariables = Exact<{
  input: AssignCounselorInput;
}>;


export type AssignCounselorMutation = { assignCounselor: { durability: Durability, user: { id: string, userId: string, counselor: { id: string, name: string } | null, riskAlerts: { edges: Array<{ node: { id: string, level: RiskLevel, status: AlertStatus, version: number, occurrences: number, acknowledgedAt: string | null, acknowledgementExpiresAt: string | null, resolvedAt: string | null, resolution: string | null, escalationStep: number, nextEscalationAt: string | null, assignee: { id: string, name: string, role: Role } | null, acknowledgedBy: { name: string } | null, resolvedBy: { name: string } | null, escalatedTo: Array<{ name: string }>, history: { edges: Array<{ node: { kind: AlertEventKind, actor: string | null, note: string | null, level: RiskLevel } }> } } }> } } } };

export type CounselorsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type CounselorsQuery = { viewer: { id: string, name: string, role: Role } | null, counselors: { totalCount: number | null, edges: Array<{ node: { id: string, name: string, role: Role, users: { totalCount: number | null, edges: Array<{ node: { userId: string } }> } } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type RiskAlertsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  filter?: RiskAlertFilter | null | undefined;
}>;


export type RiskAlertsQuery = { riskAlerts: { totalCount: number | null, pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ cursor: string, node: { id: string, level: RiskLevel, status: AlertStatus, occurrences: number, raisedAt: string, lastSeenAt: string, version: number, conversation: { id: string } | null, trigger: { occurredAt: string, query: string, response: string, riskLevel: RiskLevel } | null, user: { id: string, userId: string, currentRisk: RiskLevel, attention: Attention } } }> } };

export type RiskAlertNewsSubscriptionVariables = Exact<{
  after?: string | null | undefined;
  minLevel?: RiskLevel | null | undefined;
}>;


export type RiskAlertNewsSubscription = { riskAlerts: { cursor: string, replayed: boolean, withdrawn: boolean, event: { id: string, kind: AlertEventKind, at: string, actor: string | null, note: string | null, level: RiskLevel }, alert: { id: string, level: RiskLevel, status: AlertStatus, occurrences: number, raisedAt: string, lastSeenAt: string, version: number, user: { id: string, userId: string, currentRisk: RiskLevel, attention: Attention } } } };

export type AlertFactsFragment = { id: string, level: RiskLevel, status: AlertStatus, occurrences: number, raisedAt: string, lastSeenAt: string, version: number, user: { id: string, userId: string, currentRisk: RiskLevel, attention: Attention } };

export type PromptContextQueryVariables = Exact<{
  userId: string;
  maxTurns?: number | null | undefined;
  maxTokens?: number | null | undefined;
}>;


export type PromptContextQuery = { user: { id: string, summary: string, context: { text: string, estimatedTokens: number, conversations: Array<{ id: string, occurredAt: string }> } } | null };

export type EmotionTrendQueryVariables = Exact<{
  userId: string;
  window?: number | null | undefined;
  from?: string | null | undefined;
  to?: string | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type EmotionTrendQuery = { user: { id: string, userId: string, attention: Attention, emotionTrend: { count: number, mean: number | null, movingAverage: Array<number>, volatility: number | null, slopePerDay: number | null, attention: Attention }, emotions: { totalCount: number | null, pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ node: { id: string, occurredAt: string, score: number | null, riskLevel: RiskLevel } }> } } | null };

export type ExportLegacyQueryVariables = Exact<{
  after?: string | null | undefined;
}>;


export type ExportLegacyQuery = { users: { pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ node: { userId: string, createdAt: string, lastActiveAt: string | null, totalChats: number, totalRiskAlerts: number, conversations: { edges: Array<{ node: { occurredAt: string, query: string, response: string, riskLevel: RiskLevel, emotionScore: number | null, references: number } }> }, topics: { edges: Array<{ node: { name: string } }> }, emotions: { edges: Array<{ node: { occurredAt: string, score: number | null, riskLevel: RiskLevel } }> } } }> } };

export type HeldPersonQueryVariables = Exact<{
  userId: string;
}>;


export type HeldPersonQuery = { user: { id: string, userId: string, createdAt: string, lastActiveAt: string | null, totalChats: number, totalRiskAlerts: number, currentRisk: RiskLevel, attention: Attention, summary: string, counselor: { id: string, name: string } | null } | null };

export type HeldConversationsQueryVariables = Exact<{
  userId: string;
  after?: string | null | undefined;
}>;


export type HeldConversationsQuery = { user: { conversations: { pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ node: { id: string, occurredAt: string, query: string, response: string, riskLevel: RiskLevel, emotionScore: number | null, references: number, topics: Array<{ name: string }> } }> } } | null };

export type HeldEmotionsQueryVariables = Exact<{
  userId: string;
  after?: string | null | undefined;
}>;


export type HeldEmotionsQuery = { user: { emotions: { pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ node: { id: string, occurredAt: string, score: number | null, riskLevel: RiskLevel } }> } } | null };

export type HeldTopicsQueryVariables = Exact<{
  userId: string;
  after?: string | null | undefined;
}>;


export type HeldTopicsQuery = { user: { topics: { pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ count: number, firstSeenAt: string, lastSeenAt: string, node: { name: string } }> } } | null };

export type HeldAlertsQueryVariables = Exact<{
  userId: string;
  after?: string | null | undefined;
}>;


export type HeldAlertsQuery = { user: { riskAlerts: { pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ node: { id: string, level: RiskLevel, status: AlertStatus, version: number, occurrences: number, raisedAt: string, lastSeenAt: string, acknowledgedAt: string | null, acknowledgementExpiresAt: string | null, resolvedAt: string | null, resolution: string | null, escalationStep: number, nextEscalationAt: string | null, assignee: { id: string, name: string } | null, acknowledgedBy: { id: string, name: string } | null, resolvedBy: { id: string, name: string } | null, escalatedTo: Array<{ id: string, name: string }>, trigger: { occurredAt: string, query: string, response: string, riskLevel: RiskLevel } | null } }> } } | null };

export type HeldAlertHistoryQueryVariables = Exact<{
  alertId: string | number;
  after?: string | null | undefined;
}>;


export type HeldAlertHistoryQuery = { node:
    | { history: { pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ node: { id: string, kind: AlertEventKind, at: string, actor: string | null, note: string | null, level: RiskLevel } }> } }
    | Record<PropertyKey, never>
   | null };

export type ImportConversationsMutationVariables = Exact<{
  input: Array<RecordConversationInput> | RecordConversationInput;
}>;


export type ImportConversationsMutation = { recordConversations: Array<{ duplicate: boolean, conversation: { id: string } | null } | null> };

export type MigrateUsersMutationVariables = Exact<{
  input: Array<MigratedUserInput> | MigratedUserInput;
}>;


export type MigrateUsersMutation = { migrateUsers: Array<{ recorded: number, beyondRetention: number, alreadyKnown: number, refused: Array<{ id: string | null, reason: string }> } | null> };

export type VerifyUserQueryVariables = Exact<{
  userId: string;
  after?: string | null | undefined;
  afterPoint?: string | null | undefined;
}>;


export type VerifyUserQuery = { user: { createdAt: string, lastActiveAt: string | null, totalChats: number, totalRiskAlerts: number, topics: { edges: Array<{ node: { name: string } }> }, conversations: { pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ node: { occurredAt: string, query: string, response: string, riskLevel: RiskLevel, emotionScore: number | null, references: number } }> }, emotions: { pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ node: { occurredAt: string, score: number | null, riskLevel: RiskLevel } }> } } | null };

export type PersonQueryVariables = Exact<{
  userId: string;
  first?: number | null | undefined;
  after?: string | null | undefined;
  minRisk?: RiskLevel | null | undefined;
}>;


export type PersonQuery = { user: { id: string, userId: string, createdAt: string, lastActiveAt: string | null, totalChats: number, totalRiskAlerts: number, currentRisk: RiskLevel, attention: Attention, summary: string, conversations: { totalCount: number | null, pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ cursor: string, node: { id: string, occurredAt: string, query: string, response: string, riskLevel: RiskLevel, emotionScore: number | null, references: number, topics: Array<{ id: string, name: string }> } }> }, topics: { totalCount: number | null, edges: Array<{ count: number, firstSeenAt: string, lastSeenAt: string, node: { id: string, name: string } }> }, riskAlerts: { edges: Array<{ node: { id: string, level: RiskLevel, status: AlertStatus, occurrences: number, raisedAt: string, lastSeenAt: string, version: number, trigger: { occurredAt: string, query: string, response: string, riskLevel: RiskLevel } | null, history: { edges: Array<{ node: { id: string, kind: AlertEventKind, at: string, actor: string | null, note: string | null, level: RiskLevel } }> } } }> } } | null };

export type RecordConversationMutationVariables = Exact<{
  input: RecordConversationInput;
}>;


export type RecordConversationMutation = { recordConversation: { duplicate: boolean, durability: Durability, conversation: { id: string, riskLevel: RiskLevel } | null, user: { id: string, userId: string }, alert: { id: string, level: RiskLevel, status: AlertStatus } | null } };

export type ClearHistoryMutationVariables = Exact<{
  userId: string;
}>;


export type ClearHistoryMutation = { clearHistory: { removedConversations: number, user: { id: string, userId: string, totalChats: number } } };

export type EraseUserMutationVariables = Exact<{
  userId: string;
  reason: string;
}>;


export type EraseUserMutation = { eraseUser: { userId: string, removed: { conversations: number, emotions: number, topics: number, alerts: number, redisKeys: number | null, sqliteRows: number } } };

export type StorageQueryVariables = Exact<{ [key: string]: never; }>;


export type StorageQuery = { storage: { backend: StorageBackend, mode: StorageMode, since: string, pinned: boolean, complete: boolean, pendingWrites: number, writeError: string | null, redis: { reachable: boolean, version: string | null, latencyMs: number | null, usedMemoryBytes: number | null, connections: number, lastError: string | null } | null, reconciliation: { startedAt: string, finishedAt: string | null, pushed: number, pulled: number, repaired: number, inAgreement: boolean | null } | null }, overview: { users: number, activeUsers: number, openAlerts: number, unassignedHigh: number, oldestOpenAgeSeconds: number | null } };

export type PinStorageMutationVariables = Exact<{
  to: StoragePin;
}>;


export type PinStorageMutation = { pinStorage: { backend: StorageBackend, mode: StorageMode, since: string, pinned: boolean, complete: boolean, pendingWrites: number, writeError: string | null, redis: { reachable: boolean, version: string | null, latencyMs: number | null, usedMemoryBytes: number | null, connections: number, lastError: string | null } | null, reconciliation: { startedAt: string, finishedAt: string | null, pushed: number, pulled: number, repaired: number, inAgreement: boolean | null } | null } };

export type SnapshotStorageMutationVariables = Exact<{ [key: string]: never; }>;


export type SnapshotStorageMutation = { snapshotStorage: string };

export type CompactStorageMutationVariables = Exact<{
  mayHoldUp: boolean;
}>;


export type CompactStorageMutation = { compactStorage: { removedItems: number, removedLogEntries: number } };

export type StorageNewsSubscriptionVariables = Exact<{ [key: string]: never; }>;


export type StorageNewsSubscription = { storageStatus: { backend: StorageBackend, mode: StorageMode, since: string, pinned: boolean, complete: boolean, pendingWrites: number, writeError: string | null, redis: { reachable: boolean, version: string | null, latencyMs: number | null, usedMemoryBytes: number | null, connections: number, lastError: string | null } | null, reconciliation: { startedAt: string, finishedAt: string | null, pushed: number, pulled: number, repaired: number, inAgreement: boolean | null } | null } };

export type StorageFactsFragment = { backend: StorageBackend, mode: StorageMode, since: string, pinned: boolean, complete: boolean, pendingWrites: number, writeError: string | null, redis: { reachable: boolean, version: string | null, latencyMs: number | null, usedMemoryBytes: number | null, connections: number, lastError: string | null } | null, reconciliation: { startedAt: string, finishedAt: string | null, pushed: number, pulled: number, repaired: number, inAgreement: boolean | null } | null };

export type TopicsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  users?: number | null | undefined;
}>;


export type TopicsQuery = { topics: { totalCount: number | null, pageInfo: { hasNextPage: boolean, endCursor: string | null }, edges: Array<{ cursor: string, userCount: number, node: { id: string, name: string, users: { edges: Array<{ node: { id: string, userId: string, currentRisk: RiskLevel, attention: Attention } }> } } }> } };

export type UsersQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
  filter?: UserFilter | null | undefined;
  orderBy?: UserOrder | null | undefined;
}>;


export type UsersQuery = { overview: { users: number, activeUsers: number, openAlerts: number, unassignedHigh: number, oldestOpenAgeSeconds: number | null }, users: { totalCount: number | null, pageInfo: { hasNextPage: boolean, hasPreviousPage: boolean, startCursor: string | null, endCursor: string | null }, edges: Array<{ cursor: string, node: { id: string, userId: string, createdAt: string, lastActiveAt: string | null, totalChats: number, totalRiskAlerts: number, currentRisk: RiskLevel, attention: Attention, conversations: { edges: Array<{ node: { id: string, occurredAt: string, query: string, riskLevel: RiskLevel } }> }, topics: { edges: Array<{ count: number, node: { id: string, name: string } }> }, emotions: { edges: Array<{ node: { id: string, occurredAt: string, score: number | null } }> }, riskAlerts: { edges: Array<{ node: { id: string, level: RiskLevel, status: AlertStatus, raisedAt: string } }> } } }> } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const AlertStateFragmentDoc = new TypedDocumentString(`
    fragment AlertState on RiskAlert {
  id
  level
  status
  version
  occurrences
  assignee {
    id
    name
    role
  }
  acknowledgedAt
  acknowledgedBy {
    name
  }
  acknowledgementExpiresAt
  resolvedAt
  resolvedBy {
    name
  }
  resolution
  escalationStep
  escalatedTo {
    name
  }
  nextEscalationAt
  history(last: 5) {
    edges {
      node {
        kind
        actor
        note
        level
      }
    }
  }
}
    `, {"fragmentName":"AlertState"}) as unknown as TypedDocumentString<AlertStateFragment, unknown>;
export const AlertFactsFragmentDoc = new TypedDocumentString(`
    fragment AlertFacts on RiskAlert {
  id
  level
  status
  occurrences
  raisedAt
  lastSeenAt
  version
  user {
    id
    userId
    currentRisk
    attention
  }
}
    `, {"fragmentName":"AlertFacts"}) as unknown as TypedDocumentString<AlertFactsFragment, unknown>;
export const StorageFactsFragmentDoc = new TypedDocumentString(`
    fragment StorageFacts on StorageStatus {
  backend
  mode
  since
  pinned
  complete
  pendingWrites
  writeError
  redis {
    reachable
    version
    latencyMs
    usedMemoryBytes
    connections
    lastError
  }
  reconciliation {
    startedAt
    finishedAt
    pushed
    pulled
    repaired
    inAgreement
  }
}
    `, {"fragmentName":"StorageFacts"}) as unknown as TypedDocumentString<StorageFactsFragment, unknown>;
export const AcknowledgeRiskAlertDocument = new TypedDocumentString(`
    mutation AcknowledgeRiskAlert($input: AlertActionInput!) {
  acknowledgeRiskAlert(input: $input) {
    durability
    alert {
      ...AlertState
    }
  }
}
    fragment AlertState on RiskAlert {
  id
  level
  status
  version
  occurrences
  assignee {
    id
    name
    role
  }
  acknowledgedAt
  acknowledgedBy {
    name
  }
  acknowledgementExpiresAt
  resolvedAt
  resolvedBy {
    name
  }
  resolution
  escalationStep
  escalatedTo {
    name
  }
  nextEscalationAt
  history(last: 5) {
    edges {
      node {
        kind
        actor
        note
        level
      }
    }
  }
}`, {"hash":"sha256:f1accbcd5bc662d66d4a0b2b12d1e9971a2feb07bc62d8d9cc072b68c359ae35"}) as unknown as TypedDocumentString<AcknowledgeRiskAlertMutation, AcknowledgeRiskAlertMutationVariables>;
export const ResolveRiskAlertDocument = new TypedDocumentString(`
    mutation ResolveRiskAlert($input: ResolveRiskAlertInput!) {
  resolveRiskAlert(input: $input) {
    durability
    alert {
      ...AlertState
    }
  }
}
    fragment AlertState on RiskAlert {
  id
  level
  status
  version
  occurrences
  assignee {
    id
    name
    role
  }
  acknowledgedAt
  acknowledgedBy {
    name
  }
  acknowledgementExpiresAt
  resolvedAt
  resolvedBy {
    name
  }
  resolution
  escalationStep
  escalatedTo {
    name
  }
  nextEscalationAt
  history(last: 5) {
    edges {
      node {
        kind
        actor
        note
        level
      }
    }
  }
}`, {"hash":"sha256:256b8554c6ce3dee22193ef53f5f641bac03106614a8982219c041f4f2abd425"}) as unknown as TypedDocumentString<ResolveRiskAlertMutation, ResolveRiskAlertMutationVariables>;
export const EscalateRiskAlertDocument = new TypedDocumentString(`
    mutation EscalateRiskAlert($input: AlertActionInput!) {
  escalateRiskAlert(input: $input) {
    durability
    alert {
      ...AlertState
    }
  }
}
    fragment AlertState on RiskAlert {
  id
  level
  status
  version
  occurrences
  assignee {
    id
    name
    role
  }
  acknowledgedAt
  acknowledgedBy {
    name
  }
  acknowledgementExpiresAt
  resolvedAt
  resolvedBy {
    name
  }
  resolution
  escalationStep
  escalatedTo {
    name
  }
  nextEscalationAt
  history(last: 5) {
    edges {
      node {
        kind
        actor
        note
        level
      }
    }
  }
}`, {"hash":"sha256:b991677eebdaaa38c421a38ff68626ab0967f67dbc54db016ee66f1b45676859"}) as unknown as TypedDocumentString<EscalateRiskAlertMutation, EscalateRiskAlertMutationVariables>;
export const AddRiskAlertNoteDocument = new TypedDocumentString(`
    mutation AddRiskAlertNote($input: AlertActionInput!) {
  addRiskAlertNote(input: $input) {
    durability
    alert {
      ...AlertState
    }
  }
}
    fragment AlertState on RiskAlert {
  id
  level
  status
  version
  occurrences
  assignee {
    id
    name
    role
  }
  acknowledgedAt
  acknowledgedBy {
    name
  }
  acknowledgementExpiresAt
  resolvedAt
  resolvedBy {
    name
  }
  resolution
  escalationStep
  escalatedTo {
    name
  }
  nextEscalationAt
  history(last: 5) {
    edges {
      node {
        kind
        actor
        note
        level
      }
    }
  }
}`, {"hash":"sha256:011d2f44948389e62036309fc9a9faa5536b215ee33d9e4dc244fd187d963cdf"}) as unknown as TypedDocumentString<AddRiskAlertNoteMutation, AddRiskAlertNoteMutationVariables>;
export const AssignCounselorDocument = new TypedDocumentString(`
    mutation AssignCounselor($input: AssignCounselorInput!) {
  assignCounselor(input: $input) {
    durability
    user {
      id
      userId
      counselor {
        id
        name
      }
      riskAlerts(first: 1) {
        edges {
          node {
            ...AlertState
          }
        }
      }
    }
  }
}
    fragment AlertState on RiskAlert {
  id
  level
  status
  version
  occurrences
  assignee {
    id
    name
    role
  }
  acknowledgedAt
  acknowledgedBy {
    name
  }
  acknowledgementExpiresAt
  resolvedAt
  resolvedBy {
    name
  }
  resolution
  escalationStep
  escalatedTo {
    name
  }
  nextEscalationAt
  history(last: 5) {
    edges {
      node {
        kind
        actor
        note
        level
      }
    }
  }
}`, {"hash":"sha256:7ac0efd4c40f6bc3a3f7a4dfac48dff7308e319943bc1e33a2dbde8b350b8429"}) as unknown as TypedDocumentString<AssignCounselorMutation, AssignCounselorMutationVariables>;
export const CounselorsDocument = new TypedDocumentString(`
    query Counselors($first: Int = 20, $after: String) {
  viewer {
    id
    name
    role
  }
  counselors(first: $first, after: $after) {
    totalCount
    edges {
      node {
        id
        name
        role
        users(first: 5) {
          totalCount
          edges {
            node {
              userId
            }
          }
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    `, {"hash":"sha256:4cbb4df5b0335b6bef9377ef1dd34544e215547ef788fb7cfc5f7ed3d7ec1c45"}) as unknown as TypedDocumentString<CounselorsQuery, CounselorsQueryVariables>;
export const RiskAlertsDocument = new TypedDocumentString(`
    query RiskAlerts($first: Int = 20, $after: String, $filter: RiskAlertFilter) {
  riskAlerts(first: $first, after: $after, filter: $filter) {
    totalCount
    pageInfo {
      hasNextPage
      endCursor
    }
    edges {
      cursor
      node {
        ...AlertFacts
        conversation {
          id
        }
        trigger {
          occurredAt
          query
          response
          riskLevel
        }
      }
    }
  }
}
    fragment AlertFacts on RiskAlert {
  id
  level
  status
  occurrences
  raisedAt
  lastSeenAt
  version
  user {
    id
    userId
    currentRisk
    attention
  }
}`, {"hash":"sha256:0a1f6c5433897404c2f9af9ab55d8e6b3099b1b13061094dc64e692e6af13a1d"}) as unknown as TypedDocumentString<RiskAlertsQuery, RiskAlertsQueryVariables>;
export const RiskAlertNewsDocument = new TypedDocumentString(`
    subscription RiskAlertNews($after: String, $minLevel: RiskLevel) {
  riskAlerts(after: $after, minLevel: $minLevel) {
    cursor
    replayed
    withdrawn
    event {
      id
      kind
      at
      actor
      note
      level
    }
    alert {
      ...AlertFacts
    }
  }
}
    fragment AlertFacts on RiskAlert {
  id
  level
  status
  occurrences
  raisedAt
  lastSeenAt
  version
  user {
    id
    userId
    currentRisk
    attention
  }
}`, {"hash":"sha256:cc55bf7dd17de6931bf29cd91f43a2538b4b1509fb3c86265d103c2e147df66f"}) as unknown as TypedDocumentString<RiskAlertNewsSubscription, RiskAlertNewsSubscriptionVariables>;
export const PromptContextDocument = new TypedDocumentString(`
    query PromptContext($userId: String!, $maxTurns: Int = 3, $maxTokens: Int) {
  user(userId: $userId) {
    id
    summary
    context(maxTurns: $maxTurns, maxTokens: $maxTokens) {
      text
      estimatedTokens
      conversations {
        id
        occurredAt
      }
    }
  }
}
    `, {"hash":"sha256:50e422d3a10d57075464d6327e7f21b250939fedb16d89b79220b071c1f1f9a2"}) as unknown as TypedDocumentString<PromptContextQuery, PromptContextQueryVariables>;
export const EmotionTrendDocument = new TypedDocumentString(`
    query EmotionTrend($userId: String!, $window: Int = 3, $from: DateTime, $to: DateTime, $first: Int = 100, $after: String) {
  user(userId: $userId) {
    id
    userId
    attention
    emotionTrend(window: $window) {
      count
      mean
      movingAverage
      volatility
      slopePerDay
      attention
    }
    emotions(first: $first, after: $after, from: $from, to: $to) {
      totalCount
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          id
          occurredAt
          score
          riskLevel
        }
      }
    }
  }
}
    `, {"hash":"sha256:da7572e310ebbd66708930b438b4ea9e070a9ff77e07b6875bf1b4e2a8835042"}) as unknown as TypedDocumentString<EmotionTrendQuery, EmotionTrendQueryVariables>;
export const ExportLegacyDocument = new TypedDocumentString(`
    query ExportLegacy($after: String) {
  users(first: 100, after: $after, orderBy: USER_ID_ASC) {
    pageInfo {
      hasNextPage
      endCursor
    }
    edges {
      node {
        userId
        createdAt
        lastActiveAt
        totalChats
        totalRiskAlerts
        conversations(first: 5) {
          edges {
            node {
              occurredAt
              query
              response
              riskLevel
              emotionScore
              references
            }
          }
        }
        topics(first: 24) {
          edges {
            node {
              name
            }
          }
        }
        emotions(first: 10) {
          edges {
            node {
              occurredAt
              score
              riskLevel
            }
          }
        }
      }
    }
  }
}
    `, {"hash":"sha256:ec655f4cf4763122a63c01430955a9e71a80ce507ed0b6feb5d0ac1e1317d1d1"}) as unknown as TypedDocumentString<ExportLegacyQuery, ExportLegacyQueryVariables>;
export const HeldPersonDocument = new TypedDocumentString(`
    query HeldPerson($userId: String!) {
  user(userId: $userId) {
    id
    userId
    createdAt
    lastActiveAt
    totalChats
    totalRiskAlerts
    currentRisk
    attention
    summary
    counselor {
      id
      name
    }
  }
}
    `, {"hash":"sha256:60027297257855dbd7d1706b3bd2d219b39d1667f0ad8268638c7ecd0bdc5db2"}) as unknown as TypedDocumentString<HeldPersonQuery, HeldPersonQueryVariables>;
export const HeldConversationsDocument = new TypedDocumentString(`
    query HeldConversations($userId: String!, $after: String) {
  user(userId: $userId) {
    conversations(first: 100, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          id
          occurredAt
          query
          response
          riskLevel
          emotionScore
          references
          topics {
            name
          }
        }
      }
    }
  }
}
    `, {"hash":"sha256:d05bbca99e3fff295f848ed80779eb7cea6ecaca198e64fef81c255046c111bd"}) as unknown as TypedDocumentString<HeldConversationsQuery, HeldConversationsQueryVariables>;
export const HeldEmotionsDocument = new TypedDocumentString(`
    query HeldEmotions($userId: String!, $after: String) {
  user(userId: $userId) {
    emotions(first: 100, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          id
          occurredAt
          score
          riskLevel
        }
      }
    }
  }
}
    `, {"hash":"sha256:19aae30aff13a74f7f0556391d2238cf98cc18c9363511c7e55c94a2dc44cff4"}) as unknown as TypedDocumentString<HeldEmotionsQuery, HeldEmotionsQueryVariables>;
export const HeldTopicsDocument = new TypedDocumentString(`
    query HeldTopics($userId: String!, $after: String) {
  user(userId: $userId) {
    topics(first: 100, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        count
        firstSeenAt
        lastSeenAt
        node {
          name
        }
      }
    }
  }
}
    `, {"hash":"sha256:224796a3df9254031fcb1bb4d43afdf4eb87bb4526a1e076b1f45639ec39f7d9"}) as unknown as TypedDocumentString<HeldTopicsQuery, HeldTopicsQueryVariables>;
export const HeldAlertsDocument = new TypedDocumentString(`
    query HeldAlerts($userId: String!, $after: String) {
  user(userId: $userId) {
    riskAlerts(first: 100, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          id
          level
          status
          version
          occurrences
          raisedAt
          lastSeenAt
          assignee {
            id
            name
          }
          acknowledgedAt
          acknowledgedBy {
            id
            name
          }
          acknowledgementExpiresAt
          resolvedAt
          resolvedBy {
            id
            name
          }
          resolution
          escalationStep
          escalatedTo {
            id
            name
          }
          nextEscalationAt
          trigger {
            occurredAt
            query
            response
            riskLevel
          }
        }
      }
    }
  }
}
    `, {"hash":"sha256:2903663f2cfdaab866bae76cdd259f9facd4a14b39f9cfe6885d5f723a039c35"}) as unknown as TypedDocumentString<HeldAlertsQuery, HeldAlertsQueryVariables>;
export const HeldAlertHistoryDocument = new TypedDocumentString(`
    query HeldAlertHistory($alertId: ID!, $after: String) {
  node(id: $alertId) {
    ... on RiskAlert {
      history(first: 100, after: $after) {
        pageInfo {
          hasNextPage
          endCursor
        }
        edges {
          node {
            id
            kind
            at
            actor
            note
            level
          }
        }
      }
    }
  }
}
    `, {"hash":"sha256:545d0e6777ffd6420638d03ba52d2ae2ec1076071af543939bf923b614b2bb1a"}) as unknown as TypedDocumentString<HeldAlertHistoryQuery, HeldAlertHistoryQueryVariables>;
export const ImportConversationsDocument = new TypedDocumentString(`
    mutation ImportConversations($input: [RecordConversationInput!]!) {
  recordConversations(input: $input) {
    duplicate
    conversation {
      id
    }
  }
}
    `, {"hash":"sha256:54b28d58d55e94a6e0bc2d3baac140886fcc7b326938d2c3d5f3519c496eb986"}) as unknown as TypedDocumentString<ImportConversationsMutation, ImportConversationsMutationVariables>;
export const MigrateUsersDocument = new TypedDocumentString(`
    mutation MigrateUsers($input: [MigratedUserInput!]!) {
  migrateUsers(input: $input) {
    recorded
    beyondRetention
    alreadyKnown
    refused {
      id
      reason
    }
  }
}
    `, {"hash":"sha256:da208a5bb8f5fb01b3e95e629d4ec09a4d39eda6699d4b9405ab2af1b3e421e4"}) as unknown as TypedDocumentString<MigrateUsersMutation, MigrateUsersMutationVariables>;
export const VerifyUserDocument = new TypedDocumentString(`
    query VerifyUser($userId: String!, $after: String, $afterPoint: String) {
  user(userId: $userId) {
    createdAt
    lastActiveAt
    totalChats
    totalRiskAlerts
    topics(first: 100) {
      edges {
        node {
          name
        }
      }
    }
    conversations(first: 100, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          occurredAt
          query
          response
          riskLevel
          emotionScore
          references
        }
      }
    }
    emotions(first: 100, after: $afterPoint) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          occurredAt
          score
          riskLevel
        }
      }
    }
  }
}
    `, {"hash":"sha256:f6213efea2e7be4ce087a77ff69ad64b278bcbfecb1cadff66d63924d6c73a5f"}) as unknown as TypedDocumentString<VerifyUserQuery, VerifyUserQueryVariables>;
export const PersonDocument = new TypedDocumentString(`
    query Person($userId: String!, $first: Int = 20, $after: String, $minRisk: RiskLevel) {
  user(userId: $userId) {
    id
    userId
    createdAt
    lastActiveAt
    totalChats
    totalRiskAlerts
    currentRisk
    attention
    summary
    conversations(first: $first, after: $after, minRisk: $minRisk) {
      totalCount
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        cursor
        node {
          id
          occurredAt
          query
          response
          riskLevel
          emotionScore
          references
          topics {
            id
            name
          }
        }
      }
    }
    topics(first: 20) {
      totalCount
      edges {
        count
        firstSeenAt
        lastSeenAt
        node {
          id
          name
        }
      }
    }
    riskAlerts(first: 5) {
      edges {
        node {
          id
          level
          status
          occurrences
          raisedAt
          lastSeenAt
          version
          trigger {
            occurredAt
            query
            response
            riskLevel
          }
          history(first: 20) {
            edges {
              node {
                id
                kind
                at
                actor
                note
                level
              }
            }
          }
        }
      }
    }
  }
}
    `, {"hash":"sha256:571c4e70c57889e956f5b7d42b6ec4f8bc1c77c8691e1d58d44b992dd06ca735"}) as unknown as TypedDocumentString<PersonQuery, PersonQueryVariables>;
export const RecordConversationDocument = new TypedDocumentString(`
    mutation RecordConversation($input: RecordConversationInput!) {
  recordConversation(input: $input) {
    duplicate
    durability
    conversation {
      id
      riskLevel
    }
    user {
      id
      userId
    }
    alert {
      id
      level
      status
    }
  }
}
    `, {"hash":"sha256:9bdae52124a01ac305730ff44f3915483e4de964f137d5af9801b7e48b961118"}) as unknown as TypedDocumentString<RecordConversationMutation, RecordConversationMutationVariables>;
export const ClearHistoryDocument = new TypedDocumentString(`
    mutation ClearHistory($userId: String!) {
  clearHistory(userId: $userId) {
    removedConversations
    user {
      id
      userId
      totalChats
    }
  }
}
    `, {"hash":"sha256:120a23c1c45e8731dfbf0c32c6a1de403c3a157b824df83d50bf828b663bd69d"}) as unknown as TypedDocumentString<ClearHistoryMutation, ClearHistoryMutationVariables>;
export const EraseUserDocument = new TypedDocumentString(`
    mutation EraseUser($userId: String!, $reason: String!) {
  eraseUser(userId: $userId, reason: $reason) {
    userId
    removed {
      conversations
      emotions
      topics
      alerts
      redisKeys
      sqliteRows
    }
  }
}
    `, {"hash":"sha256:8434c52cf111d456628abe881a80e806a1d515624ae8722547189c2f4f506d50"}) as unknown as TypedDocumentString<EraseUserMutation, EraseUserMutationVariables>;
export const StorageDocument = new TypedDocumentString(`
    query Storage {
  storage {
    ...StorageFacts
  }
  overview {
    users
    activeUsers
    openAlerts
    unassignedHigh
    oldestOpenAgeSeconds
  }
}
    fragment StorageFacts on StorageStatus {
  backend
  mode
  since
  pinned
  complete
  pendingWrites
  writeError
  redis {
    reachable
    version
    latencyMs
    usedMemoryBytes
    connections
    lastError
  }
  reconciliation {
    startedAt
    finishedAt
    pushed
    pulled
    repaired
    inAgreement
  }
}`, {"hash":"sha256:ddb1d2ae9c1ade1800d9b42254c9e555b9813b3667744794319458c2b61695c6"}) as unknown as TypedDocumentString<StorageQuery, StorageQueryVariables>;
export const PinStorageDocument = new TypedDocumentString(`
    mutation PinStorage($to: StoragePin!) {
  pinStorage(to: $to) {
    ...StorageFacts
  }
}
    fragment StorageFacts on StorageStatus {
  backend
  mode
  since
  pinned
  complete
  pendingWrites
  writeError
  redis {
    reachable
    version
    latencyMs
    usedMemoryBytes
    connections
    lastError
  }
  reconciliation {
    startedAt
    finishedAt
    pushed
    pulled
    repaired
    inAgreement
  }
}`, {"hash":"sha256:9f0aa22bfefe6395131b0b99355dfe0052d2825c6639fc4950d9ac40c624cbd8"}) as unknown as TypedDocumentString<PinStorageMutation, PinStorageMutationVariables>;
export const SnapshotStorageDocument = new TypedDocumentString(`
    mutation SnapshotStorage {
  snapshotStorage
}
    `, {"hash":"sha256:6b4c24ea7d88eaf4e8a29cf5460009d175bdd4281de4f01541747902f0c4e5f2"}) as unknown as TypedDocumentString<SnapshotStorageMutation, SnapshotStorageMutationVariables>;
export const CompactStorageDocument = new TypedDocumentString(`
    mutation CompactStorage($mayHoldUp: Boolean!) {
  compactStorage(mayHoldUp: $mayHoldUp) {
    removedItems
    removedLogEntries
  }
}
    `, {"hash":"sha256:784c74f976a471332c7259e8413f82b908538129c6b99bfba36dca3644dfd6c5"}) as unknown as TypedDocumentString<CompactStorageMutation, CompactStorageMutationVariables>;
export const StorageNewsDocument = new TypedDocumentString(`
    subscription StorageNews {
  storageStatus {
    ...StorageFacts
  }
}
    fragment StorageFacts on StorageStatus {
  backend
  mode
  since
  pinned
  complete
  pendingWrites
  writeError
  redis {
    reachable
    version
    latencyMs
    usedMemoryBytes
    connections
    lastError
  }
  reconciliation {
    startedAt
    finishedAt
    pushed
    pulled
    repaired
    inAgreement
  }
}`, {"hash":"sha256:37be784da3e58c2d63108748a2323454c0af75ba7d0efe68e577a77098f2a758"}) as unknown as TypedDocumentString<StorageNewsSubscription, StorageNewsSubscriptionVariables>;
export const TopicsDocument = new TypedDocumentString(`
    query Topics($first: Int = 20, $after: String, $users: Int = 5) {
  topics(first: $first, after: $after) {
    totalCount
    pageInfo {
      hasNextPage
      endCursor
    }
    edges {
      cursor
      userCount
      node {
        id
        name
        users(first: $users) {
          edges {
            node {
              id
              userId
              currentRisk
              attention
            }
          }
        }
      }
    }
  }
}
    `, {"hash":"sha256:53d984ce2ce967bd78ad31f5d3242e90db454043ad7e04cd14902a4aaf07968b"}) as unknown as TypedDocumentString<TopicsQuery, TopicsQueryVariables>;
export const UsersDocument = new TypedDocumentString(`
    query Users($first: Int, $after: String, $last: Int, $before: String, $filter: UserFilter, $orderBy: UserOrder) {
  overview {
    users
    activeUsers
    openAlerts
    unassignedHigh
    oldestOpenAgeSeconds
  }
  users(
    first: $first
    after: $after
    last: $last
    before: $before
    filter: $filter
    orderBy: $orderBy
  ) {
    totalCount
    pageInfo {
      hasNextPage
      hasPreviousPage
      startCursor
      endCursor
    }
    edges {
      cursor
      node {
        id
        userId
        createdAt
        lastActiveAt
        totalChats
        totalRiskAlerts
        currentRisk
        attention
        conversations(first: 1) {
          edges {
            node {
              id
              occurredAt
              query
              riskLevel
            }
          }
        }
        topics(first: 5) {
          edges {
            count
            node {
              id
              name
            }
          }
        }
        emotions(first: 10) {
          edges {
            node {
              id
              occurredAt
              score
            }
          }
        }
        riskAlerts(first: 1, status: [OPEN, ACKNOWLEDGED]) {
          edges {
            node {
              id
              level
              status
              raisedAt
            }
          }
        }
      }
    }
  }
}
    `, {"hash":"sha256:737a45c3f6d2eeb302cf8e4e46f6fa0c85d5b92136ca850a8dc4cdbd2c8392f8"}) as unknown as TypedDocumentString<UsersQuery, UsersQueryVariables>;