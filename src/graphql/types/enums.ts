import type * as model from '../../model.ts'
import type { Pin } from '../../store/store.ts'
import { builder } from '../builder.ts'

const described = <T extends string>(values: Record<T, string>) => {
  const entries = Object.entries<string>(values).map(([name, description]) => [name, { description }])
  return Object.fromEntries(entries) as Record<T, { description: string }>
}

export const RiskLevel = builder.enumType('RiskLevel', {
  description: 'How much a conversation worries whoever assessed it; in ascending order.',
  values: described<model.RiskLevel>({
    UNKNOWN: 'Not assessed, or the assessment was not understood.',
    LOW: 'No sign of danger.',
    MEDIUM: 'Signs that need watching; from here on a conversation counts as a risk alert and raises one.',
    HIGH: 'Danger to the person or others is likely.',
    IMMINENT: 'Danger is at hand: somebody has to act now.',
  }),
})

export const Attention = builder.enumType('Attention', {
  description: 'How much attention a person needs, from the last 3 conversations ever recorded for them, by the time they happened.',
  values: described<model.Attention>({
    NONE: 'None of them was MEDIUM or above.',
    WATCH: 'One of them was MEDIUM or above (or both of only 2).',
    NEEDS_ATTENTION: 'There are 3, and 2 or more of them were MEDIUM or above.',
  }),
})

export const Role = builder.enumType('Role', {
  description: 'What somebody is, and so may do.',
  values: described<model.Role>({
    SERVICE: "The assistant's back end.",
    COUNSELOR: 'Looks after people.',
    SUPERVISOR: 'Looks after counselors, and sees everybody.',
    ADMIN: 'Runs the service.',
  }),
})

export const AlertStatus = builder.enumType('AlertStatus', {
  description: 'Where an alert stands.',
  values: described<model.AlertStatus>({
    OPEN: 'Nobody has taken it up yet.',
    ACKNOWLEDGED: 'Somebody has taken it up.',
    RESOLVED: 'Dealt with; the next risky conversation raises another alert.',
  }),
})

export const AlertEventKind = builder.enumType('AlertEventKind', {
  description: 'What happened to an alert.',
  values: described<model.AlertEventKind>({
    RAISED: 'A risky conversation raised it.',
    OCCURRED: 'A further risky conversation was added to it.',
    LEVEL_RAISED: 'A further conversation was riskier, and lifted its level.',
    ASSIGNED: 'Somebody else, or nobody, is to look after it.',
    ACKNOWLEDGED: 'Somebody has taken it up, or goes on with it.',
    LAPSED: 'Whoever had taken it up was not heard of any more: it waits for somebody again.',
    ESCALATED: 'Nobody took it up in time, or somebody asked for help: others are told.',
    NOTED: 'Somebody noted something; or an action that came too late was not carried out.',
    RESOLVED: 'Somebody has dealt with it.',
    REOPENED: 'What it was about has come up again, or is graver: it waits for somebody again.',
  }),
})

export const UserOrder = builder.enumType('UserOrder', {
  description: 'An order of users. Equal ones are told apart by userId.',
  values: described<model.UserOrder>({
    LAST_ACTIVE_DESC: 'Most recently active first.',
    RISK_DESC: 'Highest currentRisk first, then most recently active.',
    CREATED_DESC: 'Newest user first.',
    USER_ID_ASC: 'By userId, in the order of its UTF-8 bytes.',
  }),
})

export const StorageBackend = builder.enumType('StorageBackend', {
  description: 'A store that can answer.',
  values: described<model.StorageBackend>({ REDIS: 'Redis.', SQLITE: 'The SQLite file of this instance.' }),
})

export const StorageMode = builder.enumType('StorageMode', {
  description: 'How the stores work together at the moment.',
  values: described<model.StorageMode>({
    EMBEDDED: 'Configured without Redis: SQLite is the only store.',
    PRIMARY: 'Redis answers.',
    FALLBACK: 'Redis is away: SQLite answers, and keeps what is written until Redis is back.',
    REPLAYING: 'Redis is back and receives what was written meanwhile; SQLite still answers.',
  }),
})

export const PINS = { SQLITE: 'sqlite', AUTO: 'auto' } as const satisfies Record<string, Pin>

export const StoragePin = builder.enumType('StoragePin', {
  description: 'Which store an operator wants to serve.',
  values: described<keyof typeof PINS>({
    SQLITE: 'SQLite, and no use of Redis, whether it answers or not.',
    AUTO: 'Redis whenever it answers.',
  }),
})

export const Durability = builder.enumType('Durability', {
  description: 'Which copies of a recording existed when it was answered.',
  values: described<model.Durability>({
    BOTH: 'The journal on the disk of this instance, and Redis.',
    JOURNAL: 'SQLite on the disk of this instance alone: Redis is away, or not configured.',
  }),
})
