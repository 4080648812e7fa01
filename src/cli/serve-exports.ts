/** What `serve` is told about who may do what: the options of its exports. */
import { isIP } from 'node:net'
import type { ExportRules } from '../server.ts'
import { UsageError } from './errors.ts'
import { idsOf } from './ids.ts'
import type { Given, OptionSpec } from './options.ts'

export const EXPORT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'allow',
    value: 'NETWORK',
    many: true,
    about: 'only these addresses and networks may mount: 192.0.2.0/24 (default: all that reach us)',
  },
  { name: 'read-only', about: 'clients cannot change anything' },
  {
    name: 'squash',
    value: 'WHO',
    about: 'who becomes the anonymous user: root, all or none (default: root of other machines)',
  },
  { name: 'anon', value: 'UID:GID', about: 'the anonymous user (default: 65534:65534, nobody)' },
  {
    name: 'alias',
    value: 'NAME',
    many: true,
    about: 'another name to mount / by: Windows needs one, and then it is \\\\HOST\\NAME',
  },
]

/** Bits of a network's address, by isIP. */
const ADDRESS_BITS: Readonly<Record<number, number>> = { 4: 32, 6: 128 }

/** @throws UsageError */
export function exportRules(given: Given): ExportRules {
  const squash = given.value('squash')
  const anonymous = idsOf(given, 'anon')
  return {
    ...(given.flag('allow') && { clients: given.values('allow').map(networkOf) }),
    ...(given.flag('read-only') && { readOnly: true }),
    ...(squash !== undefined && { squash: given.word('squash', ['root', 'all', 'none'], 'root') }),
    ...(anonymous !== undefined && { anonuid: anonymous.uid, anongid: anonymous.gid }),
    ...(given.flag('alias') && { aliases: given.values('alias').map(aliasOf) }),
  }
}

function networkOf(text: string): string {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const most = ADDRESS_BITS[isIP(address)]
  // BlockList knows no zones, and clients of link-local addresses are those of one network anyway.
  const known = most !== undefined && !address.includes('%')
  if (known && (bits === undefined || Number(bits) <= most)) return text
  throw new UsageError(
    `--allow is an address or a network, such as 192.0.2.0/24 or 2001:db8::/32, not '${text}'`,
  )
}

/** `data` and `/data` are the same. */
function aliasOf(text: string): string {
  const names = text.replace(/^\//, '').split('/')
  if (names.every((name) => name !== '' && name !== '.' && name !== '..')) {
    return `/${names.join('/')}`
  }
  throw new UsageError(`--alias is a name such as data, not '${text}'`)
}
