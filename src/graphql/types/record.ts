import { badInput, XinyiError } from '../../errors.ts'
import type { Recorded } from '../../services/recorder.ts'
import { builder } from '../builder.ts'
import { type GraphQLContext, userOf } from '../context.ts'
import { RECORDING } from '../roles.ts'
import { Durability, RiskLevel } from './enums.ts'
import { Conversation, RiskAlert, User } from './refs.ts'

const MAX_ITEMS = 500
const MAX_BYTES = 8 * 1024 * 1024

const RecordConversationInput = builder.inputType('RecordConversationInput', {
  description: 'One exchange to record.',
  fields: (t) => ({
    userId: t.string({
      required: true,
      description:
        "The caller's own id of the person, up to 512 code points of any kind. Empty or `anonymous`: they get a fresh `anon_<YYYYMMDD>_<32 hex digits>`, which the payload tells; with an idempotencyKey it follows from the key (the date is 00000000 where occurredAt is absent), so that a retry finds itself.",
    }),
    query: t.string({
      required: true,
      description: 'What the person wrote: 1 to 16,000 code points unless configured otherwise; longer is BAD_USER_INPUT, never cut.',
    }),
    response: t.string({ required: true, description: 'What the assistant answered, with the same limit; it may be empty.' }),
    riskLevel: t.field({
      type: RiskLevel,
      required: true,
      defaultValue: 'LOW',
      description: 'How much it worries. MEDIUM or above raises an alert or adds to the open one.',
    }),
    emotionScore: t.float({ description: 'The mood in it, on any scale; must be finite.' }),
    references: t.int({ defaultValue: 0, description: 'How many sources the answer drew on; 0 or more.' }),
    topics: t.stringList({
      description:
        'What it is about: at most 20 names of up to 64 code points, trimmed and brought to Unicode NFC. When left out, the words of the configured vocabulary are looked for in the query.',
    }),
    occurredAt: t.field({
      type: 'DateTime',
      description:
        'When it happened; now when left out. More than 60 s in the future: BAD_USER_INPUT. Older than the retention: counted, not kept. More than 24 h ago: raises no alert.',
    }),
    raiseAlert: t.boolean({
      defaultValue: false,
      description:
        'Raise an alert although it happened more than 24 h ago, if not more than 7 days, and the person has none: for imports. Nobody is escalated to for it.',
    }),
    idempotencyKey: t.string({
      description:
        'Makes a retry safe; scope: one user, at least 7 days. The same key with the same content answers the first recording with `duplicate` true; with other content it is CONFLICT.',
    }),
  }),
})

const RecordConversationPayload = builder.objectRef<Recorded>('RecordConversationPayload').implement({
  authScopes: RECORDING,
  description: 'What became of a recording.',
  fields: (t) => ({
    conversation: t.field({
      type: Conversation,
      nullable: true,
      description: 'The conversation; null only when it is not kept: older than the retention, or a duplicate of one that is gone.',
      resolve: ({ conversation, userId, conversationId: id }, _, { load }) => conversation ?? load({ kind: 'conversation', userId, id }),
    }),
    user: t.field({
      type: User,
      description: 'The person, as they are after it; in a batch, after all of it.',
      resolve: ({ userId }, _, context) => userOf(context, userId),
    }),
    alert: t.field({
      type: RiskAlert,
      nullable: true,
      description: 'The alert that it raised or was added to, as it is after it (in a batch, after all of it); null when there is none.',
      resolve: ({ alertId }, _, { load }) => (alertId === null ? null : load({ kind: 'alert', alertId })),
    }),
    duplicate: t.exposeBoolean('duplicate', {
      description: 'Whether it had been recorded before under this idempotencyKey, so that nothing was counted.',
    }),
    durability: t.expose('durability', { type: Durability, description: 'Which copies of it exist.' }),
  }),
})

/** The same error, with its field as a path from the arguments. */
function under(prefix: string, error: unknown): unknown {
  if (!(error instanceof XinyiError) || error.field === undefined) return error
  const { code, message, hint, field, cause } = error
  return new XinyiError(code, message, hint, { field: `${prefix}.${field}`, cause })
}

async function record(context: GraphQLContext, input: typeof RecordConversationInput.$inferInput): Promise<Recorded> {
  const recorded = await context.services.recorder.record(input)
  context.wrote(recorded.durability)
  return recorded
}

const bytesOf = ({ userId, query, response }: typeof RecordConversationInput.$inferInput): number =>
  Buffer.byteLength(userId) + Buffer.byteLength(query) + Buffer.byteLength(response)

builder.mutationFields((t) => ({
  recordConversation: t.field({
    authScopes: RECORDING,
    type: RecordConversationPayload,
    description:
      'Records one exchange: counts it, keeps it as far as the retention allows, and raises an alert where it is risky. Errors: BAD_USER_INPUT (`extensions.field` says where), CONFLICT (the idempotencyKey has other content), STORE_UNAVAILABLE.',
    args: { input: t.arg({ type: RecordConversationInput, required: true, description: 'The exchange.' }) },
    resolve: async (_, { input }, context) => {
      try {
        return await record(context, input)
      } catch (error) {
        throw under('input', error)
      } finally {
        context.renew()
      }
    },
  }),
  recordConversations: t.field({
    authScopes: RECORDING,
    type: [RecordConversationPayload],
    nullable: { list: false, items: true },
    description:
      'Records up to 500 exchanges, together up to 8 MiB, in this order. Each stands or falls alone: null where one failed, with an error whose path ends in its index. Only values that are none of their type (a time without a zone, a missing field) have the whole request refused, with nothing recorded.',
    args: { input: t.arg({ type: [RecordConversationInput], required: true, description: 'The exchanges, 1 to 500.' }) },
    resolve: async (_, { input }, context) => {
      if (input.length < 1 || input.length > MAX_ITEMS)
        throw badInput(`input has ${input.length} items.`, `Send 1 to ${MAX_ITEMS} at a time.`, 'input')
      if (input.reduce((bytes, item) => bytes + bytesOf(item), 0) > MAX_BYTES) {
        throw new XinyiError('PAYLOAD_TOO_LARGE', 'input is larger than 8 MiB.', 'Send it in smaller parts.', { field: 'input' })
      }
      const records = input.map(async (item, index) => {
        try {
          return await record(context, item)
        } catch (error) {
          throw under(`input[${index}]`, error)
        }
      })
      await Promise.allSettled(records)
      context.renew()
      return records
    },
  }),
}))
