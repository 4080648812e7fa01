/** The name beside a file that stays, for the snapshot's version of it: `NAME.SNAPSHOT`. */
import { FsError } from '../fs/error.ts'
import { NAME_BYTES_MAX } from '../fs/filesystem.ts'

/** Names tried: `NAME.SNAPSHOT`, `NAME.SNAPSHOT.2`, and so on. */
const TRIES_MAX = 1000

/**
 * The first such name that will do.
 *
 * @throws FsError NAMETOOLONG, EXIST where all that are tried are taken
 */
export function besideName(
  name: Uint8Array,
  snapshot: string,
  willDo: (name: Uint8Array) => boolean,
): Uint8Array {
  for (let i = 1; i <= TRIES_MAX; i++) {
    const ending = i === 1 ? `.${snapshot}` : `.${snapshot}.${i}`
    const beside = Buffer.concat([name, Buffer.from(ending)])
    if (beside.length > NAME_BYTES_MAX) {
      const most = `${beside.length} bytes, and ${NAME_BYTES_MAX} is the most`
      throw new FsError('NAMETOOLONG', `the name beside it, with '${ending}' added, has ${most}`)
    }
    if (willDo(beside)) return beside
  }
  throw new FsError('EXIST', `${TRIES_MAX} names beside it are taken, from '.${snapshot}' on`)
}
