/** Numbers of users and groups on the command line. */
import { UsageError } from './errors.ts'
import type { Given } from './options.ts'

export interface Ids {
  readonly uid: number
  readonly gid: number
}

const ID_MAX = 0xffff_ffff

/** `UID:GID`; undefined where the option is not given. @throws UsageError */
export function idsOf(given: Given, name: string): Ids | undefined {
  const value = given.value(name)
  if (value === undefined) return undefined
  const [, user, group] = /^(\d{1,10}):(\d{1,10})$/.exec(value) ?? []
  const [uid, gid] = [Number(user), Number(group)]
  if (uid <= ID_MAX && gid <= ID_MAX) return { uid, gid }
  throw new UsageError(`--${name} is two numbers, such as 1000:1000, not '${value}'`)
}
