import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UDP_LIST_BYTES_MAX } from '../../src/rpc/portmap.ts'
import { PortRegistry } from '../../src/rpc/portmap-registry.ts'
import * as wire from '../../src/rpc/portmap-wire.ts'
import type { Caller } from '../../src/rpc/program.ts'
import type { Codec } from '../../src/xdr/codec.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'
import { ask, bytes, call, callers, NOW_SECONDS, results } from './portmap-wire.ts'

const test = suite('rpc/portmap: RFC 1833')

const owner = 'zerofs-nfs'

/** NFS and MOUNT as a server that listens on loopback has them. */
function serving(): PortRegistry {
  const registry = new PortRegistry()
  registry.serve([
    { prog: 100_003, vers: 3, netid: 'tcp', host: '127.0.0.1', port: 2049, owner },
    { prog: 100_003, vers: 3, netid: 'tcp6', host: '::1', port: 2049, owner },
    { prog: 100_005, vers: 3, netid: 'tcp', host: '127.0.0.1', port: 20048, owner },
    { prog: 100_005, vers: 3, netid: 'udp', host: '127.0.0.1', port: 20048, owner },
  ])
  return registry
}

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

/** Calls as the programs named send them, taken from a wire, and what we answer. */
const rows = [
  {
    name: 'mount.nfs: PMAP version 2 GETPORT of NFS version 3 over TCP',
    caller: callers.user,
    call: `
      d38bebe3 00000000 00000002             | xid, CALL, RPC version 2
      000186a0 00000002 00000003             | program 100000, version 2, GETPORT
      00000000 00000000 00000000 00000000    | AUTH_NONE twice
      000186a3 00000003 00000006 00000000    | 100003, version 3, TCP, port unused`,
    reply: `
      d38bebe3 00000001 00000000             | xid, REPLY, MSG_ACCEPTED
      00000000 00000000 00000000             | AUTH_NONE, SUCCESS
      00000801                               | port 2049`,
  },
  {
    name: 'mount.nfs: GETPORT of MOUNT version 3 over UDP',
    caller: callers.userUdp,
    call: `
      6b00922c 00000000 00000002 000186a0 00000002 00000003
      00000000 00000000 00000000 00000000
      000186a5 00000003 00000011 00000000    | 100005, version 3, UDP`,
    reply: `
      6b00922c 00000001 00000000 00000000 00000000 00000000
      00004e50                               | port 20048`,
  },
  {
    name: 'mount.nfs: GETPORT of statd where nobody registered it',
    caller: callers.userUdp,
    call: `
      6b0c553d 00000000 00000002 000186a0 00000002 00000003
      00000000 00000000 00000000 00000000
      000186b8 00000001 00000011 00000000    | 100024, version 1, UDP`,
    reply: `
      6b0c553d 00000001 00000000 00000000 00000000 00000000
      00000000                               | port 0`,
  },
  {
    name: 'mount.nfs: rpcbind version 4 GETADDR of NFS over IPv6',
    caller: callers.user6,
    call: `
      780f3f17 00000000 00000002             | xid, CALL, RPC version 2
      000186a0 00000004 00000003             | program 100000, version 4, GETADDR
      00000000 00000000 00000000 00000000    | AUTH_NONE twice
      000186a3 00000003                      | 100003, version 3
      00000004 74637036                      | "tcp6"
      00000009 3a3a312e 302e3131 31000000    | "::1.0.111", where rpcbind is asked
      00000000                               | owner ""`,
    reply: `
      780f3f17 00000001 00000000 00000000 00000000 00000000
      00000007 3a3a312e 382e3100             | "::1.8.1"`,
  },
  {
    name: 'rpcinfo -T tcp6: GETADDR with the owner that libtirpc puts',
    caller: callers.root6,
    call: `
      072f4a9d 00000000 00000002 000186a0 00000004 00000003
      00000000 00000000 00000000 00000000
      000186a3 00000003 00000004 74637036
      00000009 3a3a312e 302e3131 31000000
      00000008 6c696274 69727063             | "libtirpc"`,
    reply: `
      072f4a9d 00000001 00000000 00000000 00000000 00000000
      00000007 3a3a312e 382e3100`,
  },
  {
    name: 'kernel lockd: UNSET of 100021 version 4 on every transport',
    caller: callers.root,
    call: `
      e1c02765 00000000 00000002             | xid, CALL, RPC version 2
      000186a0 00000004 00000002             | program 100000, version 4, UNSET
      00000001 0000001c                      | AUTH_SYS, 28 bytes
      00000000 00000008 756d6c67 75657374    | stamp, "umlguest"
      00000000 00000000 00000000             | uid 0, gid 0, no groups
      00000000 00000000                      | AUTH_NONE
      000186b5 00000004                      | 100021, version 4
      00000000 00000000                      | netid "", address ""
      00000001 30000000                      | owner "0"`,
    reply: `
      e1c02765 00000001 00000000 00000000 00000000 00000000
      00000001                               | TRUE`,
  },
  {
    name: 'kernel lockd: SET of 100021 version 4 on UDP',
    caller: callers.root,
    call: `
      e4c02765 00000000 00000002
      000186a0 00000004 00000001             | program 100000, version 4, SET
      00000001 0000001c 00000000 00000008 756d6c67 75657374 00000000 00000000 00000000
      00000000 00000000
      000186b5 00000004 00000003 75647000    | 100021, version 4, "udp"
      0000000f 302e302e 302e302e 3230342e 31373500 | "0.0.0.0.204.175"
      00000001 30000000                      | owner "0"`,
    reply: `
      e4c02765 00000001 00000000 00000000 00000000 00000000
      00000001                               | TRUE`,
  },
  {
    name: 'rpc.statd: SET of 100024 version 1 on TCP over IPv6, owner its user id',
    caller: callers.root6,
    call: `
      d3daa232 00000000 00000002 000186a0 00000004 00000001
      00000000 00000000 00000000 00000000
      000186b8 00000001 00000004 74637036    | 100024, version 1, "tcp6"
      0000000a 3a3a2e31 37332e31 31330000    | "::.173.113"
      00000003 31303400                      | owner "104"`,
    reply: `
      d3daa232 00000001 00000000 00000000 00000000 00000000
      00000001                               | TRUE`,
  },
  {
    name: 'rpcinfo -u: version 0 of the portmapper itself learns which versions there are',
    caller: callers.userUdp,
    call: `
      6b01d489 00000000 00000002 000186a0 00000000 00000000
      00000000 00000000 00000000 00000000`,
    reply: `
      6b01d489 00000001 00000000 00000000 00000000
      00000002 00000002 00000004             | PROG_MISMATCH, 2 to 4`,
  },
  {
    name: 'version 2 CALLIT is PROC_UNAVAIL, shorter than the call',
    caller: callers.remoteUdp,
    call: `
      12345678 00000000 00000002 000186a0 00000002 00000005
      00000000 00000000 00000000 00000000
      000186a3 00000003 00000000 00000000    | 100003, version 3, NULL, no arguments`,
    reply: `
      12345678 00000001 00000000 00000000 00000000
      00000003                               | PROC_UNAVAIL`,
  },
]

for (const row of rows) {
  test(row.name, () => {
    const reply = ask(serving(), row.caller, bytes(row.call))
    assert.is(reply.toString('hex'), bytes(row.reply).toString('hex'))
  })
}

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
