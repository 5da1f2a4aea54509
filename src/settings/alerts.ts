import { about } from './about.ts'
import { file, integer, lease, steps, webhookSecret, webhookUrl } from './kinds.ts'

export const ALERTS = {
  ESCALATE_IMMINENT_MINUTES: steps().register(about, {
    default: '0,2,5',
    unit: 'minutes',
    example: '0,1,3',
    description: 'When an IMMINENT alert that nobody acknowledges is escalated, in minutes from when it began to wait; or `never`.',
  }),
  ESCALATE_HIGH_MINUTES: steps().register(about, {
    default: '5,15,30',
    unit: 'minutes',
    example: '5,10,20',
    description: 'The same for HIGH.',
  }),
  ESCALATE_MEDIUM_MINUTES: steps().register(about, {
    default: '60,240',
    unit: 'minutes',
    example: 'never',
    description: 'The same for MEDIUM.',
  }),
  ACKNOWLEDGED_IMMINENT_MINUTES: lease().register(about, {
    default: '10',
    unit: 'minutes',
    example: '5',
    description: 'Minutes that an acknowledgement of an IMMINENT alert holds if it is not renewed.',
  }),
  ACKNOWLEDGED_HIGH_MINUTES: lease().register(about, { default: '30', unit: 'minutes', example: '20', description: 'The same for HIGH.' }),
  ACKNOWLEDGED_MEDIUM_MINUTES: lease().register(about, {
    default: '240',
    unit: 'minutes',
    example: '480',
    description: 'The same for MEDIUM.',
  }),
  STAFF_FILE: file().register(about, {
    default: '',
    example: '/etc/xinyi/staff.json',
    description: 'JSON file that lists [who works here](alerts.md#staff): whom escalations tell, and when they are on duty.',
  }),
  FEED_HEARTBEAT_SECONDS: integer(1, 3_600).register(about, {
    default: '15',
    unit: 'seconds',
    example: '30',
    description: 'How often a subscriber of alerts to whom nothing happens is told its present cursor.',
  }),
  ALERT_WEBHOOK_URL: webhookUrl().register(about, {
    default: '',
    example: 'https://pager.example/xinyi',
    description: 'Where each alert event is posted, [signed and without texts](alerts.md#webhook). At one server only.',
    secret: true,
  }),
  ALERT_WEBHOOK_SECRET: webhookSecret().register(about, {
    default: '',
    description: 'Key of its signature, as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in base64.',
    secret: true,
  }),
}
