/** Which file a lock is for, and whether its caller may lock it. */
import { FsError } from '../../fs/error.ts'
import { Access, FileType } from '../../fs/filesystem.ts'
import type { CallContext } from '../../rpc/program.ts'
import type { Service } from '../procedure.ts'
import { fileKey } from './journal.ts'
import { nlm4_stats } from './request.ts'

const { NLM4_ROFS, NLM4_STALE_FH, NLM4_FAILED } = nlm4_stats

/** What the caller wants to do: `release` needs no permission, nor that the file still exists. */
export type Purpose = 'release' | 'shared' | 'exclusive'

/**
 * @returns the file's key, or why not
 *
 * As knfsd does, whoever may read a file, or owns it, may lock it; whoever may write it, too. What
 * cannot be changed is not locked exclusively.
 */
export function lockedFile(
  service: Service,
  { caller, credential }: CallContext,
  fh: Uint8Array,
  purpose: Purpose,
): string | nlm4_stats {
  try {
    const id = service.handles.decode(fh)
    if (purpose === 'release') return fileKey(id)
    const found = service.exports.of(id.dataset)
    if (found === undefined) return NLM4_STALE_FH
    if (!found.admits(caller)) return NLM4_FAILED
    const { type, uid } = service.fs.getattr(id)
    if (type !== FileType.REG) return NLM4_FAILED
    const fixed = found.readOnly || id.snapshot !== 0
    if (purpose === 'exclusive' && fixed) return NLM4_ROFS
    const cred = found.credOf(caller, credential)
    const enough = Access.READ | Access.MODIFY | Access.EXTEND
    if (cred.uid === uid || service.fs.access(cred, id, enough) !== 0) return fileKey(id)
    return NLM4_FAILED
  } catch (error) {
    if (!(error instanceof FsError)) service.report(error)
    const gone = error instanceof FsError && (error.code === 'STALE' || error.code === 'BADHANDLE')
    return gone ? NLM4_STALE_FH : NLM4_FAILED
  }
}
