import { expect, test } from '@jest/globals'
import type { Secret } from '../../../api/kubernetes.ts'
import { createAuthority, issueServerCertificate } from '../../../certs/authority.ts'
import { certificateGauges, keepSecret } from '../../../certs/expiry.ts'
import { encode, type Contents } from '../../../certs/secret.ts'

const dayMs = 24 * 3_600_000
const start = new Date('2026-06-01T00:00:00Z')
const authority = await createAuthority(start)
const server = await issueServerCertificate(authority, 'keptn-system', start)
const contents: Contents = {
  'ca.crt': authority.cert,
  'ca.key': authority.key,
  'tls.crt': server.cert,
  'tls.key': server.key,
}
const secretOf = (of: Contents): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    name: 'keptn-certs',
    namespace: 'keptn-system',
    uid: 'uid',
    resourceVersion: '1',
    creationTimestamp: '2026-06-01T00:00:00Z',
  },
  data: encode(of),
})
const shown = (of: readonly Contents[], days: number) =>
  certificateGauges(
    { all: () => of.map((each) => keepSecret(secretOf(each))) },
    () => start.getTime() + days * dayMs,
  ).flatMap(({ name, series }) =>
    series().map(({ labels, value }) => [name, labels.certificate, (value * 1_000) / dayMs]),
  )
const name = 'gatekept_certificate_expiry_seconds'

test.each([
  [
    'is the time that is left',
    [contents],
    0,
    [
      [name, 'ca', 365],
      [name, 'server', 90],
    ],
  ],
  [
    'is below nothing afterwards',
    [contents],
    100,
    [
      [name, 'ca', 265],
      [name, 'server', -10],
    ],
  ],
  [
    'is not there for one that cannot be read',
    [{ ...contents, 'ca.crt': 'x' }],
    0,
    [[name, 'server', 90]],
  ],
  ['is not there without a Secret', [], 0, []],
])('the figure of a certificate %s', (_, secrets, days, expected) => {
  expect(shown(secrets, days)).toEqual(expected)
})

test('nothing else of the Secret is kept', () => {
  const text = JSON.stringify(keepSecret(secretOf(contents)))
  expect(text).not.toContain('BEGIN')
  for (const each of Object.values(encode(contents))) expect(text).not.toContain(each)
})
