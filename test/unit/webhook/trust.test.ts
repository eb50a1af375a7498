import { expect, test } from '@jest/globals'
import { createAuthority, issueServerCertificate } from '../../../certs/authority.ts'
import { believes, certificatesIn } from '../../../kube/certificate-chain.ts'
import { believersIn } from '../../../webhook/trust.ts'

const now = new Date()
const authority = await createAuthority(now)
const another = await createAuthority(now)
const chain = certificatesIn((await issueServerCertificate(authority, 'keptn-system', now)).cert)

const ours = { 'keptn.sh/inject-cert': 'true' }
const service = { namespace: 'keptn-system', name: 'lifecycle-webhook-service' }
const base64 = (text: string) => Buffer.from(text).toString('base64')
const right = { service, caBundle: base64(authority.cert) }
const overlapping = { service, caBundle: base64(another.cert + authority.cert) }
const wrong = { service, caBundle: base64(another.cert) }

test.each([
  ['trusts our authority', ours, [right, right], true],
  ['trusts ours and the one after it', ours, [overlapping], true],
  ['trusts another', ours, [wrong], false],
  ['trusts another for one of two webhooks', {}, [right, wrong], false],
  ['waits for the bundle that we write', ours, [right, { service }], false],
  [
    'waits for the bundle that we write, and has an empty one',
    ours,
    [{ service, caBundle: '' }],
    false,
  ],
  ['goes by the authorities of its machine', {}, [{ service }], true],
  [
    'goes by those of its machine for one webhook, and trusts another for one',
    {},
    [{ service }, wrong],
    false,
  ],
  ['calls another service', {}, [{ ...right, service: { ...service, name: 'other' } }], true],
  [
    'calls a service of another namespace',
    {},
    [{ ...right, service: { ...service, namespace: 'x' } }],
    false,
  ],
  ['calls an address', {}, [{ ...right, service: undefined, url: 'https://[::1]:9443/' }], false],
  ['has a bundle that cannot be read', ours, [{ service, caBundle: '????' }], false],
  ['has no webhooks', ours, undefined, true],
])('an API server that %s', (_, labels, clientConfigs, expected) => {
  const believers = believersIn({
    metadata: { labels },
    ...(clientConfigs && {
      webhooks: clientConfigs.map(({ service: called, ...clientConfig }) => ({
        name: 'w',
        clientConfig: { ...clientConfig, ...(called && { service: called }) },
      })),
    }),
  })
  expect(believers.every((believer) => believes(believer, chain, now))).toBe(expected)
})

test.each([-10, 10])(
  'certificates that a clock %i minutes off has made are believed at once',
  async (minutes) => {
    const madeAt = new Date(Date.now() + minutes * 60_000)
    const by = await createAuthority(madeAt)
    const { cert } = await issueServerCertificate(by, 'keptn-system', madeAt)
    const [believer] = believersIn({
      metadata: {},
      webhooks: [{ name: 'w', clientConfig: { service, caBundle: base64(by.cert) } }],
    })
    expect(believer && believes(believer, certificatesIn(cert), new Date())).toBe(true)
  },
)
