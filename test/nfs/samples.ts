/** One call of each procedure, for tests that go through all of them. */
import { type Args, bytes, type Name } from './harness.ts'

const VERF = new Uint8Array(8)
const NO_SPEC = { specdata1: 0, specdata2: 0 }

/** A call of each procedure on `object` that goes through, but for READ, WRITE and READLINK. */
export const samples: { [K in Name]: (object: Uint8Array) => Args<K> } = {
  GETATTR: (object) => ({ object }),
  SETATTR: (object) => ({ object, new_attributes: { mode: 0o700 }, guard: undefined }),
  LOOKUP: (dir) => ({ what: { dir, name: bytes('.') } }),
  ACCESS: (object) => ({ object, access: 1 }),
  READLINK: (symlink) => ({ symlink }),
  READ: (file) => ({ file, offset: 0, count: 1 }),
  WRITE: (file) => ({ file, offset: 0, count: 1, stable: 2, data: bytes('a') }),
  CREATE: (dir) => ({
    where: { dir, name: bytes('c') },
    how: { mode: 'GUARDED', attributes: {} },
  }),
  MKDIR: (dir) => ({ where: { dir, name: bytes('d') }, attributes: {} }),
  SYMLINK: (dir) => ({
    where: { dir, name: bytes('s') },
    symlink: { symlink_attributes: {}, symlink_data: bytes('t') },
  }),
  MKNOD: (dir) => ({
    where: { dir, name: bytes('n') },
    what: { type: 7, attributes: {}, spec: NO_SPEC },
  }),
  REMOVE: (dir) => ({ object: { dir, name: bytes('c') } }),
  RMDIR: (dir) => ({ object: { dir, name: bytes('d') } }),
  RENAME: (dir) => ({ from: { dir, name: bytes('s') }, to: { dir, name: bytes('r') } }),
  LINK: (file) => ({ file, link: { dir: file, name: bytes('l') } }),
  READDIR: (dir) => ({ dir, cookie: 0, cookieverf: VERF, count: 4096 }),
  READDIRPLUS: (dir) => ({ dir, cookie: 0, cookieverf: VERF, dircount: 4096, maxcount: 4096 }),
  FSSTAT: (fsroot) => ({ fsroot }),
  FSINFO: (fsroot) => ({ fsroot }),
  PATHCONF: (object) => ({ object }),
  COMMIT: (file) => ({ file, offset: 0, count: 0 }),
}
/** In the order of their numbers, GETATTR first. */
export const ALL = Object.keys(samples) as Name[]
