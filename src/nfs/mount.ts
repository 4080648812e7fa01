/**
 * MOUNT (RFC 1813 §5): gives the handle of a directory for its path, to begin with.
 *
 * Version 3 is complete. Version 1 is there for the tools that ask for it (`showmount`, `umount`):
 * all but MNT, whose handles are those of NFS version 2.
 *
 * Paths are bytes; here they are strings of one character a byte (latin1).
 */
import { FsError } from '../fs/error.ts'
import { type Cred, type FileId, FileType } from '../fs/filesystem.ts'
import { type Caller, MOUNT_PROGRAM, type Procedure, type Program } from '../rpc/program.ts'
import { array, type Codec, int32, list, opaque, struct, uint32, voidType } from '../xdr/codec.ts'
import type { XdrWriter } from '../xdr/writer.ts'
import type { Export, Exports } from './exports.ts'
import { MOUNTS_MAX, type Mounts } from './mounts.ts'
import type { Service } from './procedure.ts'
import { nfs_fh3 } from './types.ts'

export const MOUNT_V1 = 1
export const MOUNT_V3 = 3

/** RFC 1813 §5.1.2, in bytes. */
const MNTPATHLEN = 1024
const MNTNAMLEN = 255
/** Most elements that the lists of a reply are believed to hold. */
const EXPORTS_MAX = 1024
const FLAVORS_MAX = 16

/** RFC 5531 §8.2. */
const AUTH_NONE = 0
const AUTH_SYS = 1

/** RFC 1813 §5.1.5. */
export const mountstat3 = {
  MNT3_OK: 0,
  MNT3ERR_PERM: 1,
  MNT3ERR_NOENT: 2,
  MNT3ERR_IO: 5,
  MNT3ERR_ACCES: 13,
  MNT3ERR_NOTDIR: 20,
  MNT3ERR_INVAL: 22,
  MNT3ERR_NAMETOOLONG: 63,
  MNT3ERR_NOTSUPP: 10004,
  MNT3ERR_SERVERFAULT: 10006,
} as const
export type mountstat3 = (typeof mountstat3)[keyof typeof mountstat3]

/** string<>, one character a byte. */
export function bytesText(max: number): Codec<string> {
  const bytes = opaque(max)
  return {
    encode: (w, value) => bytes.encode(w, Buffer.from(value, 'latin1')),
    decode: (r) => Buffer.from(bytes.decode(r)).toString('latin1'),
  }
}

/** No limit in what a client sends: a path that is too long is answered NAMETOOLONG. */
const dirpath = bytesText(0xffff_ffff)
const name = bytesText(MNTNAMLEN)

export const mountres3_ok = struct({
  fhandle: nfs_fh3,
  auth_flavors: array(int32, FLAVORS_MAX),
})

export const mountlist = list(struct({ hostname: name, directory: dirpath }), MOUNTS_MAX)

export const exports3 = list(
  struct({ dir: dirpath, groups: list(struct({ name }), EXPORTS_MAX) }),
  EXPORTS_MAX,
)

/** @param mounts the list that all versions share */
export function mountPrograms(service: Service, mounts: Mounts): readonly Program[] {
  const { exports } = service
  const dump = answer(voidType, (w) => mountlist.encode(w, mounts.list()))
  const exported = answer(voidType, (w) => exports3.encode(w, exportList(exports)))
  const umnt = answer(dirpath, (_w, { address }, directory) =>
    mounts.remove({ hostname: address, directory }),
  )
  const umntall = answer(voidType, (_w, { address }) => mounts.removeAll(address))
  const mnt = answer(dirpath, (w, caller, path) => mount(service, mounts, caller, path, w))
  return [
    {
      prog: MOUNT_PROGRAM,
      vers: MOUNT_V3,
      procedures: [undefined, mnt, dump, umnt, umntall, exported],
    },
    {
      prog: MOUNT_PROGRAM,
      vers: MOUNT_V1,
      // The last is EXPORTALL, which version 3 dropped: the same as EXPORT.
      procedures: [undefined, undefined, dump, umnt, umntall, exported, exported],
    },
  ]
}

function answer<A>(
  args: Codec<A>,
  run: (w: XdrWriter, caller: Caller, given: A) => void,
): Procedure<A> {
  return {
    args,
    handle({ caller }, given, reply) {
      run(reply.begin(), caller, given)
      reply.end()
    },
  }
}

/** MOUNTPROC3_MNT (RFC 1813 §5.2.1). */
function mount(service: Service, mounts: Mounts, caller: Caller, path: string, w: XdrWriter): void {
  const found = resolvePath(service, caller, path)
  if (typeof found === 'number') {
    uint32.encode(w, found)
    return
  }
  mounts.add({ hostname: caller.address, directory: path })
  uint32.encode(w, mountstat3.MNT3_OK)
  mountres3_ok.encode(w, {
    fhandle: service.handles.encode(found),
    auth_flavors: [AUTH_SYS, AUTH_NONE],
  })
}

/** The directory of a path that somebody mounts, or has mounted, or why not. */
export function resolvePath(service: Service, caller: Caller, path: string): FileId | mountstat3 {
  if (path.length > MNTPATHLEN) return mountstat3.MNT3ERR_NAMETOOLONG
  const names = namesOf(path)
  if (names.includes('..')) return mountstat3.MNT3ERR_INVAL
  const found = service.exports.find(`/${names.join('/')}`)
  if (found === undefined) return mountstat3.MNT3ERR_NOENT
  if (!found.export.admits(caller)) return mountstat3.MNT3ERR_ACCES
  try {
    const id = walk(service, [...namesOf(found.export.path), ...namesOf(found.below)])
    // The path may have led into another dataset, where other rules hold.
    return service.exports.of(id.dataset)?.admits(caller) ? id : mountstat3.MNT3ERR_ACCES
  } catch (error) {
    return mountstatOf(error, service.report)
  }
}

/** `//a/./b/` is `/a/b`. */
function namesOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

/** Root may look up everything: that a path is hard to reach is no secret of its handle. */
const ROOT: Cred = { uid: 0, gid: 0, gids: [] }

function walk({ fs }: Service, names: readonly string[]): FileId {
  let id = fs.root()
  let type = fs.getattr(id).type
  for (const one of names) {
    const found = fs.lookup(ROOT, id, Buffer.from(one, 'latin1'))
    id = found.id
    type = found.attributes.type
  }
  if (type !== FileType.DIR) throw new FsError('NOTDIR')
  return id
}

function mountstatOf(error: unknown, report: (error: unknown) => void): mountstat3 {
  if (error instanceof FsError) {
    const named: Record<string, mountstat3> = mountstat3
    return named[`MNT3ERR_${error.code}`] ?? mountstat3.MNT3ERR_SERVERFAULT
  }
  report(error)
  return mountstat3.MNT3ERR_SERVERFAULT
}

function exportList({ all }: Exports) {
  return all.flatMap((one: Export) => {
    const groups = (one.clients ?? []).map((client) => ({ name: client }))
    return [one.path, ...one.aliases].map((dir) => ({ dir, groups }))
  })
}
