/** Names of datasets and of snapshots: text that can be a name in a directory. */
import { FsError } from '../fs/error.ts'

/** Longest name in bytes: it is shown as a name in a directory. */
const NAME_BYTES_MAX = 255

/**
 * @param what `dataset` or `snapshot`
 * @throws FsError INVAL
 */
export function requireName(name: string, what: string): void {
  const bytes = Buffer.byteLength(name)
  if (bytes === 0 || bytes > NAME_BYTES_MAX) {
    throw new FsError('INVAL', `a ${what}'s name has 1 to ${NAME_BYTES_MAX} bytes`)
  }
  if (name === '.' || name === '..') throw new FsError('INVAL', `'${name}' cannot be a name`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[/\u0000-\u001f\u007f]/.test(name)) {
    throw new FsError('INVAL', `a ${what}'s name has no '/' and no control characters`)
  }
  // Half of a surrogate pair has no bytes of its own: two names would have the same ones.
  if (Buffer.from(name).toString() !== name) {
    throw new FsError('INVAL', `a ${what}'s name is text that UTF-8 can tell`)
  }
}

/**
 * A name for a command in a message, which is there to be copied: one that a shell would take apart
 * is left out, and `otherwise` says what belongs there.
 */
export function toCopy(name: string, otherwise: string): string {
  return /^[\w@%+=:,./][\w@%+=:,./-]*$/.test(name) ? name : otherwise
}

/** Names told in the message that one was not found. */
const NAMES_TOLD_MAX = 10

/** `there are: a, b`: the names that there are, oldest first. */
export function there(names: readonly string[]): string {
  if (names.length === 0) return 'there are none'
  const more = names.length > NAMES_TOLD_MAX ? ' (the newest of them)' : ''
  return `there are: ${names.slice(-NAMES_TOLD_MAX).join(', ')}${more}`
}
