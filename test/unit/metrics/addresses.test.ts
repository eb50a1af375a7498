import { describe, expect, test } from '@jest/globals'
import { isSourceEntry, refusal } from '../../../metrics/addresses.ts'
import { ProviderError } from '../../../metrics/source.ts'
import { aProvider, askOnce, startSource } from './source-server.ts'

const apiServer = [
  { address: '10.96.0.1' },
  { address: '192.168.7.2', port: 6443 },
  { address: 'fd00::1' },
]
const refuse = refusal({ apiServer: () => apiServer })

test.each([
  ['loopback', '127.0.0.1'],
  ['all of loopback', '127.8.9.10'],
  ['this host', '0.0.0.0'],
  ['link-local, where metadata are', '169.254.169.254'],
  ['multicast', '224.0.0.1'],
  ['broadcast', '255.255.255.255'],
  ['metadata of Alibaba Cloud', '100.100.100.200'],
  ['the platform address of Azure', '168.63.129.16'],
  ['IPv6 loopback', '::1'],
  ['IPv6 loopback in full', '0:0:0:0:0:0:0:1'],
  ['nothing', '::'],
  ['IPv6 link-local', 'fe80::1'],
  ['IPv6 link-local with a zone', 'fe80::1%eth0'],
  ['metadata of AWS', 'fd00:ec2::254'],
  ['IPv4 in IPv6', '::ffff:127.0.0.1'],
  ['IPv4 in IPv6, in hex', '::ffff:a9fe:a9fe'],
  ['metadata behind NAT64', '64:ff9b::169.254.169.254'],
  ['zeros behind NAT64', '64:ff9b::'],
  ["metadata behind a network's own NAT64", '64:ff9b:1::169.254.169.254'],
  ["metadata in the middle of a network's own NAT64 address", '64:ff9b:1:a9fe:a9:fe00::'],
  ['metadata behind SIIT', '::ffff:0:169.254.169.254'],
  ['zeros behind SIIT', '::ffff:0:0:0'],
  ['metadata in 6to4', '2002:a9fe:a9fe::1'],
  ['metadata in Teredo', '2001:0:cb00:7109::5601:5601'],
  ["the API server's Service behind SIIT", '::ffff:0:10.96.0.1'],
  ["the API server's Service", '10.96.0.1'],
  ["the API server's Service, in IPv6", '::ffff:10.96.0.1'],
  ['the API server in IPv6', 'fd00:0::1'],
  ['a name', 'localhost'],
])('%s is refused', (_name, address) => {
  expect(refuse(address, 9090)).toEqual(expect.any(String))
})

test.each([
  ['a pod', '10.244.1.7'],
  ['a Service', '10.96.0.10'],
  ['a private network', '192.168.7.3'],
  ['the Internet', '203.0.113.9'],
  ['the Internet in IPv6', '2001:db8::9'],
  ['a pod in IPv6', 'fd00:10:244::5'],
  ['the Internet behind NAT64', '64:ff9b::203.0.113.9'],
  ['the Internet behind SIIT', '::ffff:0:203.0.113.9'],
  ['the Internet in IPv6, beside Teredo', '2001:1::9'],
  ['another port of a machine with an API server', '192.168.7.2'],
])('%s is allowed', (_name, address) => {
  expect(refuse(address, 9090)).toBeUndefined()
})

test("the API server's own port is refused on its machine", () => {
  expect(refuse('192.168.7.2', 6443)).toBe('it is an address of the Kubernetes API server')
})

test('an installation may allow its own NAT64, and says so of no more than that', () => {
  const lax = refusal({ allowed: ['64:ff9b:1:7::/96'] })
  expect(lax('64:ff9b:1:7::203.0.113.9', 80)).toBeUndefined()
  expect(lax('64:ff9b:1:8::203.0.113.9', 80)).toBe(
    'addresses that may stand for any other are refused',
  )
})

describe('an address in a range that an installation allows, and that may stand for any other', () => {
  const own = '64:ff9b:1::/48'
  test.each([
    ['metadata behind a NAT64', '64:ff9b:1:7::/96', '64:ff9b:1:7::169.254.169.254'],
    ['the API server behind a NAT64', '64:ff9b:1:7::/96', '64:ff9b:1:7::10.96.0.1'],
    ['metadata right behind a prefix of 48 bits', own, '64:ff9b:1:a9fe:a9:fe00::'],
    ['metadata behind one of 56 bits', '64:ff9b:1:700::/56', '64:ff9b:1:7a9:fe:a9fe::'],
    ['the API server behind one of 64 bits', '64:ff9b:1:7::/64', '64:ff9b:1:7:a:6000:100:0'],
    ['metadata behind a longer prefix than what is allowed', own, '64:ff9b:1:7::169.254.169.254'],
    ['metadata in 6to4', '2002::/16', '2002:a9fe:a9fe::1'],
    ['the API server in 6to4', '2002::/16', '2002:a60:1::1'],
    ['metadata in Teredo', '2001::/32', '2001:0:cb00:7109::5601:5601'],
    ['metadata as the server of Teredo', '2001::/32', '2001:0:a9fe:a9fe::34ff:8ef6'],
  ])('%s is refused', (_name, range, address) => {
    const lax = refusal({ allowed: [range], apiServer: () => apiServer })
    expect(lax(address, 80)).toEqual(expect.any(String))
  })

  test.each([
    ['the Internet behind a NAT64', '64:ff9b:1:7::/96', '64:ff9b:1:7::203.0.113.9'],
    ['the Internet right behind a prefix of 48 bits', own, '64:ff9b:1:cb00:71:900::'],
    ['the Internet in 6to4', '2002::/16', '2002:cb00:7109::1'],
    ['the Internet in Teredo', '2001::/32', '2001:0:cb00:7109::34ff:8ef6'],
  ])('%s is allowed', (_name, range, address) => {
    const lax = refusal({ allowed: [range], apiServer: () => apiServer })
    expect(lax(address, 80)).toBeUndefined()
  })

  test('is allowed where what is behind it is allowed itself, but not as the API server', () => {
    const lax = refusal({
      allowed: ['64:ff9b:1:7::/96', '169.254.0.0/16', '10.96.0.0/16'],
      apiServer: () => apiServer,
    })
    expect(lax('64:ff9b:1:7::169.254.9.9', 80)).toBeUndefined()
    expect(lax('64:ff9b:1:7::10.96.0.1', 80)).toBe('it is an address of the Kubernetes API server')
  })
})

test('what an installation allows is allowed, but never the API server', () => {
  const lax = refusal({
    allowed: ['127.0.0.0/8', '::1'],
    apiServer: () => [{ address: '127.0.0.2' }],
  })
  expect(lax('127.0.0.1', 80)).toBeUndefined()
  expect(lax('::1', 80)).toBeUndefined()
  expect(lax('169.254.169.254', 80)).toBeDefined()
  expect(lax('127.0.0.2', 80)).toBeDefined()
})

describe('where the administrator lists the only sources', () => {
  const listed = refusal({
    only: ['10.96.0.0/16', '203.0.113.9', 'fd00:10::/32', 'prom.monitoring.svc', '*.Example.com'],
    apiServer: () => apiServer,
  })
  const reason = 'it is not among the sources that the administrator of the cluster allows'
  test.each<[string, string, string, string | undefined]>([
    ['an address in a range', '10.96.3.4', '10.96.3.4', undefined],
    ['a name that leads into a range', '10.96.3.4', 'any.name', undefined],
    ['the same in IPv6', '::ffff:10.96.3.4', 'any.name', undefined],
    ['a single address', '203.0.113.9', 'any.name', undefined],
    ['an IPv6 range', 'fd00:10::7', 'any.name', undefined],
    ['a name, wherever it leads', '198.51.100.1', 'prom.monitoring.svc', undefined],
    ['a name, in other letters and with a dot', '198.51.100.1', 'Prom.Monitoring.SVC.', undefined],
    ['the end of a name', '198.51.100.1', 'eu.api.example.com', undefined],
    ['another address', '203.0.113.10', '203.0.113.10', reason],
    ['another name', '198.51.100.1', 'prom.monitoring.svc.evil.test', reason],
    ['a name that ends alike', '198.51.100.1', 'evilexample.com', reason],
    ['the end itself, which is no name below it', '198.51.100.1', 'example.com', reason],
    [
      'a listed name that leads to metadata',
      '169.254.169.254',
      'prom.monitoring.svc',
      'loopback, link-local and metadata addresses are refused',
    ],
    [
      'a listed name that leads to the API server',
      '10.96.0.1',
      'prom.monitoring.svc',
      'it is an address of the Kubernetes API server',
    ],
  ])('%s', (_name, address, name, expected) => {
    expect(listed(address, 9090, name)).toBe(expected)
  })

  test.each([
    ['prometheus', true],
    ['*.svc', true],
    ['10.0.0.0/8', true],
    ['10.0.0.1', true],
    ['fd00::/8', true],
    ['10.0.0.0/33', false],
    ['10.0.0/8', false],
    ['10.0.0', false],
    ['http://prometheus', false],
    ['prometheus:9090', false],
    ['*', false],
    ['a*.svc', false],
    ['', false],
  ])('"%s" may be in the list: %s', (entry, isAllowed) => {
    expect(isSourceEntry(entry)).toBe(isAllowed)
  })

  test('a source that is not in it gets no connection, and one that is gets one', async () => {
    const source = await startSource((_received, response) => response.end(reply))
    const allowed = ['127.0.0.0/8']
    const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }])
    const provider = aProvider({ targetServer: source.url.replace('127.0.0.1', 'prom.test') })
    const asked = (only: readonly string[]) =>
      askOnce(provider, undefined, { refuse: refusal({ allowed, only }), resolve })
    expect(await failureOf(asked(['other.test', '10.0.0.0/8']))).toBe(
      `Cannot connect to "prom.test": ${reason}`,
    )
    expect(source.received).toEqual([])
    await asked(['other.test', 'prom.test'])
    await asked(['127.0.0.1'])
    expect(source.received).toHaveLength(2)
    await source.close()
  })
})

const reply = '{"status":"success","data":{"resultType":"vector","result":[]}}'

const failureOf = async (asked: Promise<unknown>): Promise<string> => {
  const error: unknown = await asked.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ProviderError)
  return (error as ProviderError).message
}

test.each(['127.0.0.1', '127.1', '2130706433', '0x7f000001', 'localhost', '[::ffff:127.0.0.1]'])(
  'a source at %s gets no connection in a strict installation',
  async (host) => {
    const source = await startSource((_received, response) => response.end(reply))
    const targetServer = source.url.replace('127.0.0.1', host)
    const message = await failureOf(
      askOnce(aProvider({ targetServer }), undefined, { refuse: refusal({}) }),
    )
    expect(message).toMatch(/loopback, link-local and metadata addresses are refused$/)
    expect(source.received).toEqual([])
    await source.close()
  },
)

test('a name that changes its address after the check leads nowhere else: the checked address is used', async () => {
  const source = await startSource((_received, response) => response.end(reply))
  const answers = ['127.0.0.1', '169.254.169.254']
  let looks = 0
  const resolve = () =>
    Promise.resolve([{ address: answers[looks++] ?? '169.254.169.254', family: 4 }])
  const targetServer = source.url.replace('127.0.0.1', 'rebinding.test')
  await askOnce(aProvider({ targetServer }), undefined, { resolve })
  expect(looks).toBe(1)
  expect(source.received).toHaveLength(1)
  await source.close()
})

test('one refused address among several refuses the name', async () => {
  const resolve = () =>
    Promise.resolve([
      { address: '127.0.0.1', family: 4 },
      { address: '169.254.169.254', family: 4 },
    ])
  const message = await failureOf(
    askOnce(aProvider({ targetServer: 'http://both.test:1' }), undefined, { resolve }),
  )
  expect(message).toBe(
    'Cannot connect to "both.test": loopback, link-local and metadata addresses are refused',
  )
})
