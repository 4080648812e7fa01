import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UDP_LIST_BYTES_MAX } from '../../src/rpc/portmap.ts'
import { PortRegistry } from '../../src/rpc/portmap-registry.ts'
import * as wire from '../../src/rpc/portmap-wire.ts'
import type { Caller } from '../../src/rpc/program.ts'
import type { Codec } from '../../src/xdr/codec.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'
import { ask, bytes, call, callers, NOW_SECONDS, owner, results, serving } from './portmap-wire.ts'

const test = suite('rpc/portmap: RFC 1833')

const encode = <T>(codec: Codec<T>, value: T) => {
  const w = new XdrWriter()
  codec.encode(w, value)
  return w.finish()
}

const rpcb = (prog: number, vers: number, netid: string, addr: string, of = '') =>
  encode(wire.rpcb, { r_prog: prog, r_vers: vers, r_netid: netid, r_addr: addr, r_owner: of })

const mapping = (prog: number, vers: number, prot: number, port = 0) =>
  encode(wire.mapping, { prog, vers, prot, port })

const getaddr = (registry: PortRegistry, caller: Caller, args: Uint8Array, listenHost?: string) =>
  wire.rpcbString.decode(results(ask(registry, caller, call(4, 3, args), listenHost)))

const getport = (registry: PortRegistry, caller: Caller, args: Uint8Array) =>
  results(ask(registry, caller, call(2, 3, args))).uint32()

const succeeded = (
  registry: PortRegistry,
  caller: Caller,
  vers: number,
  proc: number,
  args: Uint8Array,
) => results(ask(registry, caller, call(vers, proc, args))).bool()

test('every cut of a call that lost bytes of its arguments is GARBAGE_ARGS', () => {
  const whole = call(4, 3, rpcb(100_003, 3, 'tcp', '127.0.0.1.0.111'))
  for (let length = 40; length < whole.length; length++) {
    assert.is(ask(serving(), callers.user, whole.subarray(0, length)).readUInt32BE(20), 4)
  }
})

test('a text longer than the limit is GARBAGE_ARGS, whatever follows it', () => {
  const fits = rpcb(100_003, 3, 'x'.repeat(wire.RPCB_STRING_BYTES_MAX), '')
  const tooLong = Buffer.from(fits)
  tooLong.writeUInt32BE(wire.RPCB_STRING_BYTES_MAX + 1, 8)
  assert.is(ask(serving(), callers.user, call(4, 3, fits)).readUInt32BE(20), 0)
  assert.is(ask(serving(), callers.user, call(4, 3, tooLong)).readUInt32BE(20), 4)
})

test('BCAST and INDIRECT are PROC_UNAVAIL in versions 3 and 4', () => {
  for (const [vers, proc] of [
    [3, 5],
    [4, 5],
    [4, 10],
  ] as const) {
    const reply = ask(serving(), callers.remoteUdp, call(vers, proc, Buffer.alloc(64)))
    assert.is(reply.readUInt32BE(20), 3, `version ${vers} procedure ${proc}`)
  }
  assert.is(ask(serving(), callers.user, call(3, 9)).readUInt32BE(20), 3, 'version 3 has no 9')
})

test('what a local program SETs is found by version 2 and by version 4, until its UNSET', () => {
  const registry = serving()
  assert.ok(succeeded(registry, callers.root, 4, 1, rpcb(100_024, 1, 'udp', '0.0.0.0.195.111')))
  assert.is(getport(registry, callers.userUdp, mapping(100_024, 1, 17)), 195 * 256 + 111)
  assert.is(getaddr(registry, callers.userUdp, rpcb(100_024, 1, 'udp', '')), '127.0.0.1.195.111')
  assert.ok(succeeded(registry, callers.root, 4, 2, rpcb(100_024, 1, '', '')))
  assert.is(getport(registry, callers.userUdp, mapping(100_024, 1, 17)), 0)
})

test('version 2 SET and UNSET: the protocol of UNSET is ignored', () => {
  const registry = serving()
  assert.ok(succeeded(registry, callers.user, 2, 1, mapping(200_000, 1, 6, 5000)))
  assert.ok(succeeded(registry, callers.user, 2, 1, mapping(200_000, 1, 17, 5001)))
  assert.is(getport(registry, callers.user, mapping(200_000, 1, 6)), 5000)
  assert.is(getport(registry, callers.user, mapping(200_000, 1, 17)), 5001)
  assert.ok(succeeded(registry, callers.user, 2, 2, mapping(200_000, 1, 6)))
  assert.is(getport(registry, callers.user, mapping(200_000, 1, 17)), 0)
})

test('SET of what is no place to listen at is FALSE', () => {
  const registry = serving()
  const refused = (args: Uint8Array) => assert.not(succeeded(registry, callers.root, 4, 1, args))
  refused(rpcb(200_000, 1, 'tcp', ''))
  refused(rpcb(200_000, 1, 'tcp', '127.0.0.1'))
  refused(rpcb(200_000, 1, 'tcp', '127.0.0.1.0.0'))
  refused(rpcb(200_000, 1, 'tcp', '::.8.1'))
  refused(rpcb(200_000, 1, 'tcp6', '0.0.0.0.8.1'))
  refused(rpcb(200_000, 1, 'local', '/run/socket'))
  assert.not(succeeded(registry, callers.root, 2, 1, mapping(200_000, 1, 6, 65_536)))
  assert.not(succeeded(registry, callers.root, 2, 1, mapping(200_000, 1, 132, 5000)))
})

test('a caller from another host can neither SET nor UNSET, privileged port or not', () => {
  const registry = serving()
  succeeded(registry, callers.user, 4, 1, rpcb(200_000, 1, 'tcp', '0.0.0.0.8.1'))
  assert.not(succeeded(registry, callers.remote, 4, 1, rpcb(200_001, 1, 'tcp', '0.0.0.0.8.1')))
  assert.not(succeeded(registry, callers.remote, 2, 1, mapping(200_001, 1, 6, 5000)))
  assert.not(succeeded(registry, callers.remote, 4, 2, rpcb(200_000, 1, '', '')))
  assert.not(succeeded(registry, callers.remote, 2, 2, mapping(200_000, 1, 6)))
  assert.is(getport(registry, callers.user, mapping(200_000, 1, 6)), 2049)
  assert.is(getport(registry, callers.user, mapping(200_001, 1, 6)), 0)
})

test('nobody replaces, adds to or removes what we serve', () => {
  const registry = serving()
  assert.not(succeeded(registry, callers.root, 4, 1, rpcb(100_003, 3, 'tcp', '0.0.0.0.9.9')))
  assert.not(succeeded(registry, callers.root, 4, 1, rpcb(100_003, 4, 'udp', '0.0.0.0.9.9')))
  assert.not(succeeded(registry, callers.root, 2, 2, mapping(100_003, 3, 6)))
  assert.not(succeeded(registry, callers.root, 4, 2, rpcb(100_003, 3, '', '')))
  assert.is(getport(registry, callers.user, mapping(100_003, 3, 6)), 2049)
  assert.is(getport(registry, callers.user, mapping(100_003, 4, 17)), 0)
})

test('GETADDR gives a service on all addresses the address that the caller asked at', () => {
  const registry = new PortRegistry()
  registry.serve([
    { prog: 100_003, vers: 3, netid: 'tcp', host: '0.0.0.0', port: 2049, owner },
    { prog: 100_003, vers: 3, netid: 'tcp6', host: '::', port: 2049, owner },
  ])
  const asked = rpcb(100_003, 3, 'tcp', '192.0.2.1.0.111')
  assert.is(getaddr(registry, callers.remote, asked, '0.0.0.0'), '192.0.2.1.8.1')
  const asked6 = rpcb(100_003, 3, 'tcp6', '2001:DB8:0:0::9.0.111')
  assert.is(getaddr(registry, callers.remote, asked6, '::'), '2001:db8::9.8.1')
  const silent = rpcb(100_003, 3, 'tcp', '')
  assert.is(getaddr(registry, callers.remote, silent, '192.0.2.5'), '192.0.2.5.8.1')
  assert.is(getaddr(registry, callers.user, silent, '0.0.0.0'), '127.0.0.1.8.1')
  assert.is(getaddr(registry, callers.remote, silent, '0.0.0.0'), '0.0.0.0.8.1')
  const nonsense = rpcb(100_003, 3, 'tcp', '0.0.0.0.0.111')
  assert.is(getaddr(registry, callers.remote, nonsense, '192.0.2.5'), '192.0.2.5.8.1')
})

test('GETADDR gives a service on certain addresses the one that was asked, or one of its own', () => {
  const registry = new PortRegistry()
  registry.serve([
    { prog: 100_003, vers: 3, netid: 'tcp', host: '127.0.0.1', port: 2049, owner },
    { prog: 100_003, vers: 3, netid: 'tcp', host: '192.0.2.1', port: 2050, owner },
  ])
  const at = (address: string) => rpcb(100_003, 3, 'tcp', address)
  assert.is(getaddr(registry, callers.remote, at('192.0.2.1.0.111'), '0.0.0.0'), '192.0.2.1.8.2')
  assert.is(getaddr(registry, callers.user, at('127.0.0.1.0.111'), '0.0.0.0'), '127.0.0.1.8.1')
  assert.is(
    getaddr(registry, callers.remote, at('203.0.113.9.0.111'), '192.0.2.1'),
    '192.0.2.1.8.2',
  )
  assert.is(getaddr(registry, callers.remote, at('203.0.113.9.0.111'), '0.0.0.0'), '127.0.0.1.8.1')
})

test('the netid is inferred from the transport where the caller names none of ours', () => {
  const registry = serving()
  assert.is(getaddr(registry, callers.user, rpcb(100_005, 3, '', '')), '127.0.0.1.78.80')
  assert.is(getaddr(registry, callers.user6, rpcb(100_003, 3, 'ticots', '')), '::1.8.1')
  assert.is(getaddr(registry, callers.user6, rpcb(100_005, 3, '', '')), '')
})

test('GETADDR and GETPORT settle for another version, GETVERSADDR does not', () => {
  const registry = serving()
  const args = rpcb(100_003, 0, 'tcp', '127.0.0.1.0.111')
  assert.is(getaddr(registry, callers.user, args), '127.0.0.1.8.1')
  assert.is(getport(registry, callers.user, mapping(100_003, 4, 6)), 2049)
  const reply = ask(registry, callers.user, call(4, 9, args))
  assert.is(wire.rpcbString.decode(results(reply)), '')
})

test('DUMP: version 2 shows IPv4, version 4 shows everything and who registered it', () => {
  const registry = serving()
  succeeded(registry, callers.root, 4, 1, rpcb(100_024, 1, 'udp6', '::.195.111'))
  const two = wire.pmaplist.decode(results(ask(registry, callers.remote, call(2, 4))))
  assert.equal(two, [
    { prog: 100_003, vers: 3, prot: 6, port: 2049 },
    { prog: 100_005, vers: 3, prot: 6, port: 20048 },
    { prog: 100_005, vers: 3, prot: 17, port: 20048 },
  ])
  const four = wire.rpcblist.decode(results(ask(registry, callers.remote, call(4, 4))))
  assert.is(four.length, 5)
  assert.equal(four[1], {
    r_prog: 100_003,
    r_vers: 3,
    r_netid: 'tcp6',
    r_addr: '::1.8.1',
    r_owner: owner,
  })
  assert.is(four[4]?.r_owner, 'superuser')
})

test('over UDP, what answers at length is refused to strangers and cut to a datagram for ours', () => {
  const registry = serving()
  for (let prog = 300_000; prog < 300_250; prog++) {
    succeeded(registry, callers.root, 4, 1, rpcb(prog, 1, 'udp', '127.0.0.1.200.200'))
  }
  const long = [
    call(2, 4),
    call(3, 4),
    call(4, 4),
    call(4, 11, rpcb(100_003, 3, '', '')),
    call(4, 12),
  ]
  for (const each of long) {
    const refused = ask(registry, callers.remoteUdp, each)
    assert.is(refused.readUInt32BE(20), 5, 'SYSTEM_ERR')
    assert.ok(refused.length <= each.length)
  }
  const local = ask(registry, callers.userUdp, call(4, 4))
  assert.ok(local.length <= 24 + UDP_LIST_BYTES_MAX)
  const listed = wire.rpcblist.decode(results(local))
  assert.ok(listed.length > 50 && listed.length < 250)
  assert.is(listed[0]?.r_prog, 100_003, 'ours come first')
  const overTcp = wire.rpcblist.decode(results(ask(registry, callers.user, call(4, 4))))
  assert.is(overTcp.length, 254)
})

test('GETADDRLIST: the addresses in the family of the caller', () => {
  const entries = (caller: Caller) => {
    const reply = ask(serving(), caller, call(4, 11, rpcb(100_005, 3, 'tcp', '127.0.0.1.0.111')))
    return wire.rpcb_entry_list.decode(results(reply))
  }
  assert.equal(entries(callers.user), [
    {
      r_maddr: '127.0.0.1.78.80',
      r_nc_netid: 'udp',
      r_nc_semantics: 1,
      r_nc_protofmly: 'inet',
      r_nc_proto: 'udp',
    },
    {
      r_maddr: '127.0.0.1.78.80',
      r_nc_netid: 'tcp',
      r_nc_semantics: 3,
      r_nc_protofmly: 'inet',
      r_nc_proto: 'tcp',
    },
  ])
  assert.equal(entries(callers.user6), [])
})

test('GETTIME, UADDR2TADDR and TADDR2UADDR', () => {
  const registry = serving()
  assert.is(results(ask(registry, callers.user, call(3, 6))).uint32(), NOW_SECONDS)
  const text = encode(wire.rpcbString, '127.0.0.1.8.1')
  const netbuf = bytes(`
    00000010 00000010      | maxlen 16, 16 bytes
    0200 0801 7f000001     | AF_INET of a little-endian machine, port 2049, 127.0.0.1
    00000000 00000000`)
  const toTaddr = ask(registry, callers.user, call(3, 7, text))
  assert.is(toTaddr.subarray(24).toString('hex'), netbuf.toString('hex'))
  const toUaddr = ask(registry, callers.user, call(4, 8, netbuf))
  assert.is(wire.rpcbString.decode(results(toUaddr)), '127.0.0.1.8.1')
  const unknown = encode(wire.netbuf, { maxlen: 4, buf: new Uint8Array(4) })
  assert.is(wire.rpcbString.decode(results(ask(registry, callers.user, call(3, 8, unknown)))), '')
})

test('GETSTAT counts the calls of each version', () => {
  const registry = serving()
  getport(registry, callers.user, mapping(100_003, 3, 6))
  getaddr(registry, callers.user, rpcb(100_003, 3, 'tcp', ''))
  getaddr(registry, callers.user, rpcb(100_003, 3, 'tcp', ''))
  succeeded(registry, callers.user, 4, 1, rpcb(200_000, 1, 'tcp', '0.0.0.0.8.1'))
  const stat = wire.rpcb_stat_byvers.decode(results(ask(registry, callers.user, call(4, 12))))
  assert.is(stat[0]?.info[3], 1)
  assert.is(stat[1]?.info[3], 0)
  assert.is(stat[2]?.info[3], 2)
  assert.is(stat[2]?.setinfo, 1)
})

test.run()
