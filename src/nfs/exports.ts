/**
 * Who may use what, and as whom: the table of exports.
 *
 * A handle names a dataset, not a path. So there is one export for each dataset, its rules hold for
 * every file of it, and mounting a directory below its path is a convenience, not a fence (the
 * `no_subtree_check` of exports(5)).
 */
import assert from 'node:assert/strict'
import { BlockList, isIPv6 } from 'node:net'
import type { Cred } from '../fs/filesystem.ts'
import type { Caller, Credential } from '../rpc/program.ts'

/** uid and gid of nobody: squashed callers, and those who show no credential. */
export const NOBODY = 65_534

/**
 * Whose ids are not believed: nobody's are taken as they are (`none`), uid 0 and gid 0 become the
 * anonymous ones (`root`), or everybody becomes anonymous (`all`).
 */
export type Squash = 'none' | 'root' | 'all'

export interface ExportOptions {
  /** The dataset that it serves; 1, the root dataset, where it is left out. */
  readonly dataset?: number
  /** Where the dataset lies in the file system: `/`, or `/a/b`. */
  readonly path: string
  /** Other names to mount it by, such as `/data`: a Windows client cannot rename below `/`. */
  readonly aliases?: readonly string[]
  /** Changes are answered NFS3ERR_ROFS. */
  readonly readOnly?: boolean
  /** Left out: `root` for callers from elsewhere, `none` for callers on this machine. */
  readonly squash?: Squash
  readonly anonuid?: number
  readonly anongid?: number
  /** Callers must come from a port below 1024, which on their machine only root can have. */
  readonly securePorts?: boolean
  /** Addresses (`192.0.2.7`) and networks (`192.0.2.0/24`) that may call; left out: all. */
  readonly clients?: readonly string[]
  /**
   * `sync` (the default, and RFC 1813's promise): a change is on stable storage before its reply
   * leaves. `async`: only COMMIT and stable WRITEs wait, and changes that come faster than the disk
   * takes them.
   */
  readonly durability?: 'sync' | 'async'
}

export class Export {
  readonly dataset: number
  /** As in the options, but one character a byte, as `aliases` are too: paths are bytes. */
  readonly path: string
  readonly aliases: readonly string[]
  readonly readOnly: boolean
  readonly sync: boolean
  /** As `clients` in the options; undefined where everybody may mount. */
  readonly clients: readonly string[] | undefined
  readonly #anonymous: Cred
  readonly #squash: Squash | undefined
  readonly #securePorts: boolean
  readonly #networks: BlockList | undefined
  /** What #networks said of a connection's caller, so that it is asked once and not per call. */
  readonly #admitted = new WeakMap<Caller, boolean>()

  constructor(options: ExportOptions) {
    this.dataset = options.dataset ?? 1
    this.path = bytesText(options.path)
    this.aliases = (options.aliases ?? []).map(bytesText)
    this.readOnly = options.readOnly ?? false
    this.sync = options.durability !== 'async'
    this.clients = options.clients
    this.#anonymous = { uid: options.anonuid ?? NOBODY, gid: options.anongid ?? NOBODY, gids: [] }
    this.#squash = options.squash
    this.#securePorts = options.securePorts ?? false
    this.#networks = options.clients && networksOf(options.clients)
  }

  /** Whether a caller may use the export at all. */
  admits(caller: Caller): boolean {
    if (this.#securePorts && caller.port >= 1024) return false
    if (this.#networks === undefined || caller.transport === 'unix') return true
    const known = this.#admitted.get(caller)
    if (known !== undefined) return known
    const admitted = this.#networks.check(caller.address, isIPv6(caller.address) ? 'ipv6' : 'ipv4')
    this.#admitted.set(caller, admitted)
    return admitted
  }

  /** As whom a caller acts. No new object is made where nothing has to be changed. */
  credOf(caller: Caller, credential: Credential): Cred {
    const squash = this.#squash ?? (caller.local ? 'none' : 'root')
    if (credential.flavor === 'AUTH_NONE' || squash === 'all') return this.#anonymous
    if (squash === 'none') return credential
    const { uid, gid, gids } = credential
    if (uid !== 0 && gid !== 0 && !gids.includes(0)) return credential
    const anonymous = this.#anonymous
    return {
      uid: uid === 0 ? anonymous.uid : uid,
      gid: gid === 0 ? anonymous.gid : gid,
      gids: gids.map((id) => (id === 0 ? anonymous.gid : id)),
    }
  }
}

/** The export that a mount path lies in, and what follows its own path: `/a` below `/` is `/a`. */
export interface ExportedPath {
  readonly export: Export
  readonly below: string
}

export class Exports {
  readonly #byDataset = new Map<number, Export>()

  constructor(list: readonly ExportOptions[]) {
    this.replace(list)
  }

  get all(): readonly Export[] {
    return [...this.#byDataset.values()]
  }

  /** From now on these are exported, and no others. */
  replace(list: readonly ExportOptions[]): void {
    this.#byDataset.clear()
    for (const one of list.map((options) => new Export(options))) {
      assert(!this.#byDataset.has(one.dataset), `dataset ${one.dataset} is exported twice`)
      this.#byDataset.set(one.dataset, one)
    }
  }

  of(dataset: number): Export | undefined {
    return this.#byDataset.get(dataset)
  }

  /**
   * @param path without `.`, `..`, empty names or a slash at its end; one character a byte
   *
   * An alias goes before a directory of that name, and the longest name before a shorter one.
   */
  find(path: string): ExportedPath | undefined {
    let found: ExportedPath | undefined
    let longest = -1
    for (const one of this.all) {
      for (const name of [...one.aliases, one.path]) {
        const prefix = name === '/' ? '' : name
        if (prefix.length <= longest || !`${path}/`.startsWith(`${prefix}/`)) continue
        found = { export: one, below: path.slice(prefix.length) }
        longest = prefix.length
      }
    }
    return found
  }
}

function bytesText(name: string): string {
  return Buffer.from(name).toString('latin1')
}

/** @throws Error where one is neither an address nor a network */
function networksOf(clients: readonly string[]): BlockList {
  const list = new BlockList()
  for (const client of clients) {
    const [address = '', bits] = client.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}
