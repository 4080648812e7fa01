/** How records and numbers are called in sentences for people. */
import { printable } from '../snapshot/paths.ts'
import { type Key, Kind, parseDeadKey } from '../store/keys.ts'

/** `1 name`, `2,000 names`. */
export function count(number: number, thing: string): string {
  const plural = thing.endsWith('y') ? `${thing.slice(0, -1)}ies` : `${thing}s`
  return `${number.toLocaleString('en-US')} ${number === 1 ? thing : plural}`
}

/** A name as it stands in a key, in quotes. */
export function quoted(latin1: string): string {
  return `'${printable(Buffer.from(latin1, 'latin1'))}'`
}

/** What a record is, by its key. */
export function describe(kind: Kind, key: Key): string {
  const text = String(key)
  const [owner, second, third] = text.split('/')
  switch (kind) {
    case Kind.INODE:
      return `inode ${text}`
    case Kind.NAME:
      return `name ${quoted(text.slice(text.indexOf('/') + 1))} of directory ${owner}`
    case Kind.PAGE:
      return `page ${second} of directory ${owner}`
    case Kind.BITMAP:
      return `bitmap ${third} of level ${second} of ${owner}`
    case Kind.USAGE:
      return text === '0' ? 'the account of the files' : `the account of epoch ${text}`
    case Kind.CHUNK:
      return `chunk ${second} of content ${owner}`
    case Kind.HISTORY: {
      const at = text.lastIndexOf('@')
      return `the version until epoch ${text.slice(at + 1)} of ${inner(text.slice(0, at))}`
    }
    case Kind.VERSIONS:
      return `the list of versions of ${inner(text)}`
    case Kind.DEAD: {
      const dead = parseDeadKey(text)
      const epochs = `epochs ${dead.birth} to ${dead.end}`
      return `the index entry of the version of ${epochs} of ${describe(dead.kind, dead.key)}`
    }
    case Kind.ORPHAN:
      return `orphan ${text}`
    case Kind.SCHEDULE:
      return 'the schedule'
    default:
      return describeOne(kind, text)
  }
}

/** A record that belongs to no dataset. */
function describeOne(kind: Kind, number: string): string {
  if (kind === Kind.SUPERBLOCK) return 'the superblock'
  if (kind === Kind.CHECKPOINT) return 'the checkpoint record'
  if (kind === Kind.DATASET) return `dataset ${number}`
  if (kind === Kind.LOCK) return `lock ${number}`
  if (kind === Kind.LOCK_CLIENT) return `lock client ${number}`
  if (kind === Kind.NSM) return 'the record of the status monitor'
  if (kind === Kind.MONITOR) return `monitor ${number}`
  if (kind === Kind.MOUNT) return `mount ${number}`
  return kind === Kind.SNAPSHOT ? `snapshot ${number}` : `group ${number}`
}

/** A key that begins with its kind. */
function inner(key: string): string {
  return describe(key.charAt(0) as Kind, key.slice(1))
}
