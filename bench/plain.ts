// Started by bench/benches.ts as a process of its own: the product's schema and services, served as the documentation of graphql-yoga and
// graphql-ws has it. Every subscriber has every event worked out for itself.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionArgs } from 'graphql'
import { useServer } from 'graphql-ws/use/ws'
import { createYoga } from 'graphql-yoga'
import { WebSocketServer } from 'ws'
import { buildApp } from '../src/app.ts'
import { systemUser } from '../src/auth/authenticator.ts'
import { loadConfig } from '../src/config.ts'
import { requestContext } from '../src/graphql/context.ts'
import { schema } from '../src/graphql/schema.ts'
import { createLogger } from '../src/logging.ts'

const { services } = await buildApp(loadConfig(process.env), { logger: createLogger('warn') })
const yoga = createYoga({ schema, context: () => requestContext(services, { caller: systemUser() }), logging: false })
const server = createServer(yoga)
type Enveloped = ReturnType<typeof yoga.getEnveloped>
type Args = ExecutionArgs & { rootValue: Pick<Enveloped, 'execute' | 'subscribe'> }
useServer(
  {
    execute: (args) => (args as Args).rootValue.execute(args),
    subscribe: (args) => (args as Args).rootValue.subscribe(args),
    onSubscribe: async (context, _, params) => {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({ ...context, params })
      const document = parse(params.query)
      const args = {
        ...{ schema, document, operationName: params.operationName, variableValues: params.variables },
        ...{ contextValue: await contextFactory(), rootValue: { execute, subscribe } },
      }
      const errors = validate(schema, document)
      return errors.length > 0 ? errors : args
    },
  },
  new WebSocketServer({ server, path: '/graphql' }),
)
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`))
