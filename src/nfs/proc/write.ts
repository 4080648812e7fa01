import { FsError } from '../../fs/error.ts'
import { IO_BYTES_MAX, StableHow, type WriteResult } from '../../fs/filesystem.ts'
import { enumeration, type Infer, struct, uint32, uint64 } from '../../xdr/codec.ts'
import { define } from '../procedure.ts'
import { argument_fh3, filedata, wcc_data, writeverf3 } from '../types.ts'

/**
 * Data of this many bytes or more the file system may keep by reference, less it copies. So data
 * of this size that lies in a receive buffer is copied here, and smaller data never is.
 */
export const WRITE_REFERENCE_BYTES_MIN = 256 * 1024

const stable_how = enumeration<StableHow>(...Object.values(StableHow))

const WRITE3resok = struct({
  file_wcc: wcc_data,
  count: uint32,
  committed: stable_how,
  verf: writeverf3,
})

/**
 * NFSPROC3_WRITE (RFC 1813 §3.3.7). Data beyond IO_BYTES_MAX is left unwritten and not counted.
 *
 * `committed` says what is true: UNSTABLE where that was asked, whatever the disk did meanwhile,
 * and FILE_SYNC once the barrier was passed, for DATA_SYNC too.
 */
export const WRITE = define({
  args: struct({
    file: argument_fh3,
    offset: uint64,
    count: uint32,
    stable: stable_how,
    data: filedata,
  }),
  resok: WRITE3resok,
  resfail: struct({ file_wcc: wcc_data }),
  changes: true,

  run(call, { file, offset, count, stable, data }) {
    const id = call.file(file)
    call.waits = stable !== StableHow.UNSTABLE
    if (count !== data.length) throw new FsError('INVAL', `${count} is not ${data.length} bytes`)
    // Read before the write: should a flush fail between the write and this reply, the client must
    // see that COMMIT's verifier is another than this one (RFC 1813 §3.3.21).
    const verf = call.fs.writeVerifier
    const bytes = ownedData(data, call.context.argsOwned)
    const result = call.fs.write(call.cred, id, offset, bytes, stable)
    if (result instanceof Promise) return result.then((later) => writeOk(later, stable, verf))
    return writeOk(result, stable, verf)
  },
  fail: (call) => ({ file_wcc: call.wccOf(call.id) }),
})

function ownedData(data: Uint8Array, argsOwned: boolean): Uint8Array {
  const bytes = data.length > IO_BYTES_MAX ? data.subarray(0, IO_BYTES_MAX) : data
  return argsOwned || bytes.length < WRITE_REFERENCE_BYTES_MIN ? bytes : new Uint8Array(bytes)
}

function writeOk(
  result: WriteResult,
  stable: StableHow,
  verf: Uint8Array,
): Infer<typeof WRITE3resok> {
  const committed = stable === StableHow.UNSTABLE ? StableHow.UNSTABLE : StableHow.FILE_SYNC
  return { file_wcc: result.change, count: result.count, committed, verf }
}
