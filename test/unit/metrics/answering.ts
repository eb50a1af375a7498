import type { SourceAccess } from '../../../metrics/sources/access.ts'

const client = JSON.stringify({ token: `dt0s08.ID.${'s'.repeat(64)}` })

/** What a source is given that is answered with this body, whatever it asks. `valuePath`: for those of the type `http`. */
export const answeredWith = (body: string, valuePath: string): SourceAccess => ({
  url: (path) => new URL(`http://source.test${path}`),
  secret: { of: 'shop/source', get: () => client, find: () => client },
  secretKey: 'key',
  login: undefined,
  template: { method: 'GET', path: '/', valuePath },
  tokens: { get: () => Promise.resolve('token'), forget: () => undefined },
  quote: (text) => text.slice(0, 200),
  conceal: () => undefined,
  fetch: () => Promise.resolve({ status: 200, body }),
  wait: () => Promise.resolve(),
})
