import * as z from 'zod'
import { about } from './about.ts'
import { file, integer, jwksUrl, oneOf, origins, publicUrl, text, tokenSecret } from './kinds.ts'

export const LISTENING = {
  HOST: z
    .string()
    .regex(/^[^\s/@?#]+$/)
    .describe('the name or an address of this machine')
    .register(about, { default: '127.0.0.1', example: '0.0.0.0', description: 'Address to listen on; `0.0.0.0` for all of the machine.' }),
  PORT: integer(0, 65_535).register(about, { default: '8001', example: '8080', description: 'Port to listen on; `0` takes a free one.' }),
  PUBLIC_URL: publicUrl().register(about, {
    default: '',
    example: 'https://xinyi.example',
    description:
      'What browsers call this server, where a proxy leads here, such as `https://xinyi.example`. With https it tells them to come by TLS only.',
  }),
  ALLOWED_ORIGINS: origins().register(about, {
    default: '',
    example: 'https://dashboard.example',
    description: 'Origins [whose pages may use the API](security.md#pages-of-other-sites), separated by commas; its own always may.',
  }),
}

export const CALLERS = {
  AUTH: oneOf(['on', 'off']).register(about, {
    default: 'on',
    example: 'off',
    description:
      '`on`: whoever asks has to [show a token](security.md). `off`: whoever asks from this machine may do everything; only with a HOST of this machine alone.',
  }),
  AUTH_JWT_SECRET: tokenSecret().register(about, {
    default: '',
    description:
      'Secret of tokens that are signed with HS256, 32 bytes or more. Where neither it nor a key set is given, the server makes one of its own in DATA_DIR.',
    secret: true,
  }),
  AUTH_JWKS_URL: jwksUrl().register(about, {
    default: '',
    example: 'https://login.example/.well-known/jwks.json',
    description: 'Where the public keys are (a JSON Web Key Set) of tokens that an identity provider signs with RS, PS, ES or EdDSA.',
    secret: true,
  }),
  AUTH_JWKS_FILE: file().register(about, {
    default: '',
    example: '/etc/xinyi/jwks.json',
    description: 'The same key set as a file, instead of the URL.',
  }),
  AUTH_ISSUER: text().register(about, {
    default: '',
    example: 'https://login.example',
    description: 'The `iss` that tokens must have; when empty, any or none.',
  }),
  AUTH_AUDIENCE: text().register(about, {
    default: '',
    example: 'xinyi',
    description: 'The `aud` that tokens must have; when empty, any or none.',
  }),
}
