/** NFS_PROGRAM, version 3 (RFC 1813 §3): the table of its procedures. */
import { NFS_PROGRAM, type Program } from '../rpc/program.ts'
import { ACCESS } from './proc/access.ts'
import { COMMIT } from './proc/commit.ts'
import { CREATE } from './proc/create.ts'
import { FSINFO } from './proc/fsinfo.ts'
import { FSSTAT } from './proc/fsstat.ts'
import { GETATTR } from './proc/getattr.ts'
import { LINK } from './proc/link.ts'
import { LOOKUP } from './proc/lookup.ts'
import { MKDIR } from './proc/mkdir.ts'
import { MKNOD } from './proc/mknod.ts'
import { PATHCONF } from './proc/pathconf.ts'
import { READ } from './proc/read.ts'
import { READDIR } from './proc/readdir.ts'
import { READDIRPLUS } from './proc/readdirplus.ts'
import { READLINK } from './proc/readlink.ts'
import { REMOVE } from './proc/remove.ts'
import { RENAME } from './proc/rename.ts'
import { RMDIR } from './proc/rmdir.ts'
import { SETATTR } from './proc/setattr.ts'
import { SYMLINK } from './proc/symlink.ts'
import { WRITE } from './proc/write.ts'
import { procedure, type Service } from './procedure.ts'

export const NFS_V3 = 3

export function nfsProgram(service: Service): Program {
  return {
    prog: NFS_PROGRAM,
    vers: NFS_V3,
    procedures: [
      undefined, // 0 NULL: the dispatcher answers it
      procedure(service, GETATTR), // 1
      procedure(service, SETATTR),
      procedure(service, LOOKUP),
      procedure(service, ACCESS),
      procedure(service, READLINK), // 5
      procedure(service, READ),
      procedure(service, WRITE),
      procedure(service, CREATE),
      procedure(service, MKDIR),
      procedure(service, SYMLINK), // 10
      procedure(service, MKNOD),
      procedure(service, REMOVE),
      procedure(service, RMDIR),
      procedure(service, RENAME),
      procedure(service, LINK), // 15
      procedure(service, READDIR),
      procedure(service, READDIRPLUS),
      procedure(service, FSSTAT),
      procedure(service, FSINFO),
      procedure(service, PATHCONF), // 20
      procedure(service, COMMIT),
    ],
  }
}
