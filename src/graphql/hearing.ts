import { type GraphQLResolveInfo, getNamedType, Kind, TypeInfo, visit, visitWithTypeInfo } from 'graphql'
import type { User } from '../model.ts'
import type { AlertMessage } from '../services/reader.ts'
import { Recent } from '../services/recent.ts'
import type { Store } from '../store/store.ts'
import type { GraphQLContext } from './context.ts'
import type { News } from './shared.ts'
import { heardIn, withdrawnAlert, withdrawnUser } from './withdrawn.ts'

/** News of an alert as one subscriber is to hear it. */
export interface LiveMessage extends Omit<AlertMessage, 'alert'>, News {
  alert: AlertMessage['alert'] & { person?: User }
  withdrawn: boolean
}

export interface Subscriber {
  context: GraphQLContext
  /** Only of alerts that this counselor (sub) is to look after; null for all. */
  assignee: string | null
  /** Whether more is asked for than about the person of an alert: what is answered to that depends on who asks. */
  asksOfOthers: boolean
}

/** What a subscriber hears of a message of the feed, and how far what they ask of it reaches from now on; null: it is not for them. */
export async function hear(message: AlertMessage, { context, assignee, asksOfOthers }: Subscriber): Promise<LiveMessage | null> {
  const { event, alert, replayed } = message
  const { view, services } = context
  const heard = view ? heardIn(view, event, alert, await personOf(services.store, message, services.clock())) : 'WHOLE'
  if (heard === null) return null
  const holder = heard === 'WHOLE' ? alert.assignee : (event.before?.assignee ?? null)
  if (assignee !== null && holder !== assignee) return null
  const key = heard === 'WHOLE' ? event.id : `${event.id} withdrawn`
  const sharedAs = replayed || (view && asksOfOthers) ? null : key
  if (heard === 'WHOLE') {
    // Theirs when it was told, whatever becomes of it until it is read.
    context.renew(view && { userId: alert.userId, alertId: alert.id })
    return { ...message, withdrawn: false, sharedAs }
  }
  context.renew('NOWHERE')
  const stripped = { ...withdrawnAlert(alert, event), person: withdrawnUser(alert) }
  return { ...message, event: { ...event, actor: null, note: null }, alert: stripped, withdrawn: true, sharedAs }
}

const REMEMBERED = 1_000
const persons = new WeakMap<Store, Recent<string, Promise<User | null>>>()

/** Whom an event is about, as they are when it is told: read once for all who hear of it live. */
function personOf(store: Store, { event, alert: { userId }, replayed }: AlertMessage, now: number): Promise<User | null> {
  const read = async (): Promise<User | null> => (await store.read([{ kind: 'user', userId }], now)).answers[0]
  if (replayed) return read()
  const known = persons.get(store) ?? new Recent<string, Promise<User | null>>(REMEMBERED)
  persons.set(store, known)
  const person = known.get(event.id) ?? read()
  known.set(event.id, person)
  person.catch(() => known.delete(event.id))
  return person
}

/** Whether an operation asks for lists of people. */
export function asksOfOthers({ schema, operation, fragments }: GraphQLResolveInfo): boolean {
  const types = new TypeInfo(schema)
  let found = false
  const field = (): void => {
    const type = types.getType()
    if (type && getNamedType(type).name === 'UserConnection') found = true
  }
  const asked = { kind: Kind.DOCUMENT, definitions: [operation, ...Object.values(fragments)] } as const
  visit(asked, visitWithTypeInfo(types, { Field: field }))
  return found
}
