/** The names of datasets: which may be given, and that there is none. */
import { findName } from '../fs/directory.ts'
import { FsError } from '../fs/error.ts'
import type { Datasets } from './datasets.ts'
import { requireName } from './object-names.ts'
import { SNAPDIR_NAME } from './snapdir.ts'

/** Names told in the message that one was not found, and characters of that one. */
const NAMES_TOLD_MAX = 20
const NAME_TOLD_MAX = 64

/** That there is no dataset of this name. @param all the names that there are, the root's too */
export function notFound(name: string, all: readonly string[]): FsError {
  const names = all.filter((one) => one !== '')
  const more = names.length > NAMES_TOLD_MAX ? `, and ${names.length - NAMES_TOLD_MAX} more` : ''
  const told = `there are: ${names.slice(0, NAMES_TOLD_MAX).join(', ')}${more}`
  const there = names.length === 0 ? 'there are none but the root' : told
  const short = name.length > NAME_TOLD_MAX ? `${name.slice(0, NAME_TOLD_MAX)}...` : name
  return new FsError('NOENT', `no dataset '${short}'; ${there}`)
}

/** @throws FsError INVAL, EXIST where a dataset cannot have the name */
export function requireFreeName(datasets: Datasets, name: string): void {
  requireName(name, 'dataset')
  const bytes = Buffer.from(name)
  if (SNAPDIR_NAME.equals(bytes)) throw new FsError('INVAL', `'${name}' is reserved`)
  if (datasets.findBytes(bytes) !== undefined) {
    throw new FsError('EXIST', `a dataset '${name}' exists already`)
  }
  const { dataset } = datasets.root
  if (findName(dataset, dataset.root, bytes) === undefined) return
  throw new FsError('EXIST', `the root directory has an entry '${name}', where it would be seen`)
}
