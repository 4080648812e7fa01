import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  canonicalHost,
  fromUniversal,
  netidOf,
  toUniversal,
} from '../../src/rpc/rpcbind-address.ts'
import { fromSockaddr, toSockaddr } from '../../src/rpc/rpcbind-sockaddr.ts'

const test = suite('rpc/rpcbind-address: RFC 5665 §5.2.3')

const rows = [
  { text: '127.0.0.1.8.1', host: '127.0.0.1', port: 2049 },
  { text: '0.0.0.0.0.111', host: '0.0.0.0', port: 111 },
  { text: '::1.8.1', host: '::1', port: 2049 },
  { text: '::.255.255', host: '::', port: 65535 },
  { text: '2001:db8::9.0.1', host: '2001:db8::9', port: 1 },
  { text: '::ffff:192.0.2.1.8.1', host: '::ffff:192.0.2.1', port: 2049 },
]

for (const { text, host, port } of rows) {
  test(`${text} both ways`, () => {
    assert.equal(fromUniversal(text), { host, port })
    assert.is(toUniversal({ host, port }), text)
  })
}

for (const text of [
  '',
  '.',
  '127.0.0.1',
  '127.0.0.8.1',
  '1.2.3.4.5',
  '127.0.0.1.256.1',
  '::1.8',
  'x.8.1',
  '127.0.0.1.8.1 ',
  '127.0.0.1.-8.1',
  '/run/rpcbind.sock',
]) {
  test(`"${text}" is no universal address`, () => {
    assert.is(fromUniversal(text), undefined)
  })
}

test('equal addresses become equal strings, without their zone', () => {
  assert.is(canonicalHost('0:0:0:0:0:0:0:1'), '::1')
  assert.is(canonicalHost('FE80::A%eth0'), 'fe80::a')
  assert.is(canonicalHost('2001:db8:0:0:1:0:0:1'), '2001:db8::1:0:0:1')
  assert.is(canonicalHost('localhost'), undefined)
})

test('the netid follows from the family', () => {
  assert.is(netidOf('tcp', '127.0.0.1'), 'tcp')
  assert.is(netidOf('udp', '::'), 'udp6')
})

test('any endpoint survives the way through a sockaddr', () => {
  const port = fc.integer({ min: 0, max: 65535 })
  const host = fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => canonicalHost(text) ?? '')
  fc.assert(
    fc.property(host, port, (host, port) => {
      assert.equal(fromSockaddr(toSockaddr({ host, port })), { host, port })
      assert.equal(fromUniversal(toUniversal({ host, port })), { host, port })
    }),
  )
})

test('any bytes are a sockaddr or none, and never an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const endpoint = fromSockaddr(bytes)
      assert.ok(endpoint === undefined || canonicalHost(endpoint.host) === endpoint.host)
    }),
  )
  assert.is(fromSockaddr(toSockaddr({ host: '::1', port: 1 }).subarray(0, 27)), undefined)
})

test.run()
