/** `.snapshots` as a client sees it: READDIR of all of it, and a LOOKUP of each name. */
import { READDIR } from '../src/nfs/proc/readdir.ts'
import { NFS3, NfsClient } from './nfs-client.ts'

/** What Linux asks for at a time. */
const READDIR_BYTES = 64 * 1024

export interface Listed {
  readonly names: number
  /** Milliseconds. */
  readonly listing: number
  readonly lookups: number
}

export async function listSnapshots(port: number): Promise<Listed> {
  const client = await NfsClient.connect(port)
  try {
    const dir = await client.lookup(await client.mount('/'), '.snapshots')
    const started = performance.now()
    const names = await readNames(client, dir)
    const listed = performance.now()
    for (const name of names) await client.lookup(dir, name)
    const lookups = performance.now() - listed
    return { names: names.length, listing: listed - started, lookups }
  } finally {
    await client.close()
  }
}

async function readNames(client: NfsClient, dir: Uint8Array): Promise<readonly string[]> {
  const names: string[] = []
  for (let cookie = 0; ; ) {
    const asked = { dir, cookie, cookieverf: new Uint8Array(8), count: READDIR_BYTES }
    const { reply } = await client.call(NFS3.READDIR, READDIR, asked)
    if (!Array.isArray(reply.entries)) throw new Error('a list of entries is an array')
    for (const entry of reply.entries) {
      cookie = entry.cookie
      const name = Buffer.from(entry.name).toString()
      if (name !== '.' && name !== '..') names.push(name)
    }
    if (reply.eof) return names
  }
}
