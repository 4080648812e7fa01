/** Lists of files of any length: how they are gone through, and how an entry of them is told. */
import { FileType } from '../fs/filesystem.ts'
import { abortable } from './errors.ts'
import { printable, utf8 } from './text.ts'

const TYPES: Record<FileType, string> = {
  [FileType.REG]: 'file',
  [FileType.DIR]: 'directory',
  [FileType.BLK]: 'block device',
  [FileType.CHR]: 'character device',
  [FileType.LNK]: 'symlink',
  [FileType.SOCK]: 'socket',
  [FileType.FIFO]: 'fifo',
}

export const typeName = (type: FileType): string => TYPES[type]

/** A path safe to print; a directory's ends with a slash. */
export function shown(path: Uint8Array, type: FileType): string {
  const text = printable(path)
  return type === FileType.DIR ? `${text}/` : text
}

/** For JSON: a path as text, and where it is no UTF-8 its bytes too. */
export function jsonPath(
  path: Uint8Array,
  name = 'path',
  base64 = 'base64',
): Record<string, string> {
  const text = utf8(path)
  if (text !== undefined) return { [name]: text }
  return { [name]: printable(path), [base64]: Buffer.from(path).toString('base64') }
}

/** Asks for one entry after the other, until the command is interrupted. */
export async function forEachEntry<T>(
  signal: AbortSignal,
  source: AsyncGenerator<T>,
  visit: (entry: T) => void,
): Promise<void> {
  try {
    for (;;) {
      const { done, value } = await abortable(signal, source.next(), 'interrupted')
      if (done) return
      visit(value)
    }
  } finally {
    // An entry that is on its way may take long, and nobody waits for it.
    if (signal.aborted) source.return(undefined).catch(() => undefined)
    else await source.return(undefined)
  }
}
