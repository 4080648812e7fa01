/** `.snapshots` as a client sees it: READDIR of all of it, and a LOOKUP of each name. */
import { MOUNT_V3, mountres3_ok } from '../src/nfs/mount.ts'
import { nfsstat3 } from '../src/nfs/nfsstat3.ts'
import { LOOKUP } from '../src/nfs/proc/lookup.ts'
import { READDIR } from '../src/nfs/proc/readdir.ts'
import { NFS_V3 } from '../src/nfs/program.ts'
import { RpcClient } from '../src/rpc/client.ts'
import { type Credential, MOUNT_PROGRAM, NFS_PROGRAM } from '../src/rpc/program.ts'
import { type Codec, opaque, uint32 } from '../src/xdr/codec.ts'

const ROOT: Credential = {
  ...{ flavor: 'AUTH_SYS' as const, stamp: 0, machinename: 'bench' },
  ...{ uid: 0, gid: 0, gids: [] },
}
const [MNT, LOOKUP3, READDIR3] = [1, 3, 16]
/** What Linux asks for at a time. */
const READDIR_BYTES = 64 * 1024

/** A result that has to be NFS3_OK. */
function okOf<R>(resok: Codec<R>): Codec<R> {
  return {
    encode: () => undefined,
    decode(r) {
      const status = uint32.decode(r)
      if (status === nfsstat3.NFS3_OK) return resok.decode(r)
      throw new Error(`the server answered status ${status}`)
    },
  }
}

export interface Listed {
  readonly names: number
  /** Milliseconds. */
  readonly listing: number
  readonly lookups: number
}

export async function listSnapshots(port: number): Promise<Listed> {
  const address = { transport: 'tcp', host: '127.0.0.1', port } as const
  const client = await RpcClient.connect(address, { credential: ROOT })
  try {
    const path = Buffer.from('/')
    const mounted = okOf(mountres3_ok)
    const { fhandle } = await client.call(
      ...[MOUNT_PROGRAM, MOUNT_V3, MNT, opaque(1024), path, mounted],
    )
    const lookup = async (dir: Uint8Array, name: Uint8Array) => {
      const found = okOf(LOOKUP.resok)
      const what = { what: { dir, name } }
      const call = [NFS_PROGRAM, NFS_V3, LOOKUP3, LOOKUP.args, what, found] as const
      return (await client.call(...call)).object.slice()
    }
    const dir = await lookup(fhandle.slice(), Buffer.from('.snapshots'))
    const started = performance.now()
    const names = await readNames(client, dir)
    const listed = performance.now()
    for (const name of names) await lookup(dir, name)
    const lookups = performance.now() - listed
    return { names: names.length, listing: listed - started, lookups }
  } finally {
    await client.close()
  }
}

async function readNames(client: RpcClient, dir: Uint8Array): Promise<readonly Uint8Array[]> {
  const names: Uint8Array[] = []
  for (let cookie = 0; ; ) {
    const asked = { dir, cookie, cookieverf: new Uint8Array(8), count: READDIR_BYTES }
    const call = [NFS_PROGRAM, NFS_V3, READDIR3, READDIR.args, asked, okOf(READDIR.resok)] as const
    const { reply } = await client.call(...call)
    if (!Array.isArray(reply.entries)) throw new Error('a list of entries is an array')
    for (const entry of reply.entries) {
      cookie = entry.cookie
      if (!/^\.\.?$/.test(Buffer.from(entry.name).toString())) names.push(entry.name.slice())
    }
    if (reply.eof) return names
  }
}
