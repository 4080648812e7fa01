import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, bytes, callers, serving } from './portmap-wire.ts'

const test = suite('rpc/portmap: calls of real clients')

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

test.run()
