/**
 * RQUOTA (rquota.x of SunOS, which every `quota` command speaks): tells how much of its quota the
 * dataset of a mounted path takes.
 *
 * The quota is a dataset's, not a user's: it is the same for everybody who asks, and for whomever.
 * Version 2 also says which kind of id is meant: there is none for groups. Nothing can be set.
 *
 * Paths are those that MOUNT takes, and whom MOUNT would refuse is refused here.
 */
import { type Caller, type Procedure, type Program, RQUOTA_PROGRAM } from '../rpc/program.ts'
import { bool, type Codec, type Infer, int32, struct, uint32 } from '../xdr/codec.ts'
import { bytesText, mountstat3, resolvePath } from './mount.ts'
import type { Service } from './procedure.ts'

/** The version that asks for users alone, and the one that says for what. */
export const RQUOTA_V1 = 1
export const RQUOTA_V2 = 2

/** In bytes. */
const RQ_PATHLEN = 1024

/** Kinds of ids in version 2. Projects are what ZFS and XFS call what a dataset is here. */
const quotaType = { USRQUOTA: 0, GRPQUOTA: 1, PRJQUOTA: 2 } as const

const gqr_status = { Q_OK: 1, Q_NOQUOTA: 2, Q_EPERM: 3 } as const
type gqr_status = (typeof gqr_status)[keyof typeof gqr_status]

/** The least block size that is told; a larger one where the numbers would not fit. */
const BLOCK_BYTES_MIN = 1024
const UINT32_MAX = 0xffff_ffff

const pathp = bytesText(RQ_PATHLEN)
const getquota_args = struct({ pathp, uid: int32 })
const ext_getquota_args = struct({ pathp, type: int32, id: int32 })

const sq_dqblk = struct({
  ...{ bhardlimit: uint32, bsoftlimit: uint32, curblocks: uint32 },
  ...{ fhardlimit: uint32, fsoftlimit: uint32, curfiles: uint32 },
  ...{ btimeleft: uint32, ftimeleft: uint32 },
})
const setquota_args = struct({ qcmd: int32, pathp, id: int32, dqblk: sq_dqblk })
const ext_setquota_args = struct({ qcmd: int32, pathp, id: int32, type: int32, dqblk: sq_dqblk })

export const rquota = struct({
  bsize: int32,
  active: bool,
  ...{ bhardlimit: uint32, bsoftlimit: uint32, curblocks: uint32 },
  ...{ fhardlimit: uint32, fsoftlimit: uint32, curfiles: uint32 },
  ...{ btimeleft: uint32, ftimeleft: uint32 },
})
type rquota = Infer<typeof rquota>

interface Amount {
  readonly bytes: number
  readonly inodes: number
}

/** What the live files of a dataset may take (0 is no limit), and what they take. */
export interface DatasetQuota {
  readonly quota: Amount
  readonly usage: Amount
}

/** Of a dataset by its number; undefined where there is none. */
export type QuotaOf = (dataset: number) => DatasetQuota | undefined

export function rquotaPrograms(service: Service, quotaOf: QuotaOf): readonly Program[] {
  const get = answer(getquota_args, (caller, given) => find(service, quotaOf, caller, given.pathp))
  const extGet = answer(ext_getquota_args, (caller, { pathp: path, type }) =>
    type === quotaType.USRQUOTA || type === quotaType.PRJQUOTA
      ? find(service, quotaOf, caller, path)
      : gqr_status.Q_NOQUOTA,
  )
  const refuse = () => gqr_status.Q_EPERM
  const set = answer(setquota_args, refuse)
  const extSet = answer(ext_setquota_args, refuse)
  // GETQUOTA, GETACTIVEQUOTA (a quota that is there is kept), SETQUOTA, SETACTIVEQUOTA.
  return [
    { prog: RQUOTA_PROGRAM, vers: RQUOTA_V1, procedures: [undefined, get, get, set, set] },
    {
      prog: RQUOTA_PROGRAM,
      vers: RQUOTA_V2,
      procedures: [undefined, extGet, extGet, extSet, extSet],
    },
  ]
}

function answer<A>(
  args: Codec<A>,
  run: (caller: Caller, given: A) => rquota | gqr_status,
): Procedure<A> {
  return {
    args,
    handle({ caller }, given, reply) {
      const found = run(caller, given)
      const w = reply.begin()
      if (typeof found === 'number') w.uint32(found)
      else {
        w.uint32(gqr_status.Q_OK)
        rquota.encode(w, found)
      }
      reply.end()
    },
  }
}

function find(
  service: Service,
  quotaOf: QuotaOf,
  caller: Caller,
  path: string,
): rquota | gqr_status {
  const found = resolvePath(service, caller, path)
  if (found === mountstat3.MNT3ERR_ACCES) return gqr_status.Q_EPERM
  const dataset = typeof found === 'number' ? undefined : quotaOf(found.dataset)
  if (dataset === undefined) return gqr_status.Q_NOQUOTA
  const { bytes, inodes } = dataset.quota
  return bytes === 0 && inodes === 0 ? gqr_status.Q_NOQUOTA : inBlocks(dataset)
}

/** Soft and hard limits are one: there is no time in which more may be taken. */
function inBlocks({ quota, usage }: DatasetQuota): rquota {
  let bsize = BLOCK_BYTES_MIN
  while (Math.max(quota.bytes, usage.bytes) / bsize > UINT32_MAX) bsize *= 2
  const blocks = (bytes: number) => Math.ceil(bytes / bsize)
  const files = (count: number) => Math.min(count, UINT32_MAX)
  return {
    bsize,
    active: true,
    bhardlimit: blocks(quota.bytes),
    bsoftlimit: blocks(quota.bytes),
    curblocks: blocks(usage.bytes),
    fhardlimit: files(quota.inodes),
    fsoftlimit: files(quota.inodes),
    curfiles: files(usage.inodes),
    btimeleft: 0,
    ftimeleft: 0,
  }
}
