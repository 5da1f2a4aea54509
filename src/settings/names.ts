/* What the files in DATA_DIR are called. */

export const SOCKET_NAME = 'xinyi.sock'
export const DATABASE_NAME = 'xinyi.db'
/** Who did, or was shown, what of whom; and how far it goes. */
export const AUDIT_NAME = 'audit.db'
export const AUDIT_HEAD_NAME = 'audit.head'
/** What the webhook has been told. */
export const WEBHOOK_NAME = 'webhook.json'
/** The secret that this server signs tokens with where none is configured. */
export const SECRET_NAME = 'token.key'
