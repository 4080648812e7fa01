/**
 * Long lists. One is begun and answers a number at once; asked by that number, it answers the next
 * page. It is made as it is asked for, so nothing is made that nobody wants, and it is forgotten
 * with its last page, with an error, when it is ended, or after IDLE_MS.
 */
import { FsError } from '../fs/error.ts'
import { PAGE_LENGTH } from './types.ts'

/** Lists that are open at a time. */
export const STREAMS_MAX = 16
/** How long a list waits to be asked for more. */
export const IDLE_MS = 60_000
/** How long a page waits for more entries once it was asked for. */
const PAGE_WAIT_MS = 200
/** A page ends when its entries have so many bytes: every record keeps a limit. */
const PAGE_BYTES_MAX = 256 * 1024

export interface StreamPage<T> {
  readonly items: readonly T[]
  readonly more: boolean
}

/** A list that is open. */
interface Open {
  /** Whether a page of it is being made. */
  busy: boolean
  idle: NodeJS.Timeout | undefined
  end(): void
}

/** How many lists there are over all kinds, the one asked longest ago first. */
export interface StreamCount {
  readonly open: Map<number, Open>
  next: number
}

export function streamCount(): StreamCount {
  return { open: new Map(), next: 1 }
}

/** Whoever asked wants no more of it. Nothing happens where it has ended. */
export function endStream({ open }: StreamCount, number: number): void {
  open.get(number)?.end()
}

/** The lists of one kind. */
export class Streams<T> {
  readonly #count: StreamCount
  readonly #bytesOf: (item: T) => number
  readonly #streams = new Map<number, Stream<T>>()

  /** @param bytesOf about how many bytes an entry has on the wire */
  constructor(count: StreamCount, bytesOf: (item: T) => number) {
    this.#count = count
    this.#bytesOf = bytesOf
  }

  /** @throws FsError JUKEBOX where too many are open */
  begin(source: AsyncGenerator<T>): number {
    this.#makeRoom()
    const number = this.#count.next++
    const stream: Stream<T> = { source, pending: undefined }
    this.#streams.set(number, stream)
    const end = () => this.#end(number, stream)
    this.#count.open.set(number, { busy: false, idle: idleTimer(end), end })
    return number
  }

  /** @throws FsError NOENT no such list; and what making it throws */
  async next(number: number): Promise<StreamPage<T>> {
    const stream = this.#streams.get(number)
    const open = this.#count.open.get(number)
    if (stream === undefined || open === undefined) {
      throw new FsError('NOENT', `list ${number} is not open: it has ended, or waited too long`)
    }
    if (open.busy) throw new FsError('INVAL', `list ${number} is being asked already`)
    clearTimeout(open.idle)
    open.busy = true
    // The newest in the order of the map is the one asked last.
    this.#count.open.delete(number)
    this.#count.open.set(number, open)
    let more = false
    try {
      const page = await this.#page(stream)
      more = page.more
      return page
    } finally {
      open.busy = false
      if (more) open.idle = idleTimer(open.end)
      else open.end()
    }
  }

  async #page(stream: Stream<T>): Promise<StreamPage<T>> {
    const items: T[] = []
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), PAGE_WAIT_MS)
    })
    try {
      for (let bytes = 0; items.length < PAGE_LENGTH && bytes < PAGE_BYTES_MAX; ) {
        stream.pending ??= stream.source.next()
        const result = await Promise.race([stream.pending, late]).catch((error) => {
          if (items.length === 0) throw error
          // What came before is answered first; the error is still pending, for the next page.
          return undefined
        })
        if (result === undefined) break
        stream.pending = undefined
        if (result.done === true) return { items, more: false }
        items.push(result.value)
        bytes += this.#bytesOf(result.value)
      }
      return { items, more: true }
    } finally {
      clearTimeout(timer)
    }
  }

  #end(number: number, stream: Stream<T>): void {
    const { open } = this.#count
    clearTimeout(open.get(number)?.idle)
    this.#streams.delete(number)
    open.delete(number)
    // What it still makes, or fails at, is nobody's concern any more.
    stream.pending?.catch(() => undefined)
    stream.source.return(undefined).catch(() => undefined)
  }

  #makeRoom(): void {
    const { open } = this.#count
    if (open.size < STREAMS_MAX) return
    for (const stream of open.values()) {
      if (stream.busy) continue
      stream.end()
      return
    }
    throw new FsError('JUKEBOX', `${STREAMS_MAX} long lists are open; wait until one has ended`)
  }
}

interface Stream<T> {
  readonly source: AsyncGenerator<T>
  /** The next entry, which was asked for and had not come when its page ended. */
  pending: Promise<IteratorResult<T>> | undefined
}

function idleTimer(end: () => void): NodeJS.Timeout {
  return setTimeout(end, IDLE_MS).unref()
}
