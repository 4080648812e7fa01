/**
 * A bad network between a client and a server, as a program: `proxy.ts HOST PORT`. It listens on
 * HOST, on a port for each fault, and forwards to HOST:PORT.
 *
 *     3001 cut      resets connections at any stage: before a call, in the middle of it, behind it,
 *                   and in place of its reply, which is lost
 *     3002 delay    replies arrive up to a third of a second late
 *     3003 bytes    every byte is a segment of its own, both ways
 *     3004 slow     replies are read as slowly as a bad line would
 *     3005 stall    at times nothing goes on for longer than a client waits before it sends again;
 *                   nobody reads then, neither calls nor replies
 *
 * It prints `ready`, and when it is told to stop, what it did.
 */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { pathToFileURL } from 'node:url'

export const FAULT_PORTS = { cut: 3001, delay: 3002, bytes: 3003, slow: 3004, stall: 3005 } as const
export type Fault = keyof typeof FAULT_PORTS

/** What the program tells at its end. */
export interface ProxyCounts {
  /** Connections that were reset: with a reply lost, and in the middle of a call or before it. */
  readonly repliesLost: number
  readonly callsCut: number
  /** How often a direction of a connection stood still. */
  readonly stalls: number
}

/** One piece of data in so many is where a connection is cut. */
const CUT_ONCE_IN = 60
const DELAY_MS_MAX = 330
/** So much is read at a time, with a pause of so many milliseconds. */
const SLOW_BYTES = 32 * 1024
const SLOW_MS = 5

/** One piece of data in so many waits for so many milliseconds, and all behind it. */
const STALL_ONCE_IN = 30
const STALL_MS = 1500

/** True once in `times` on average, and at least once in twice as many, so that no run has none. */
class Turns {
  readonly #times: number
  #left: number

  constructor(times: number) {
    this.#times = times
    this.#left = this.#next()
  }

  come(): boolean {
    if (--this.#left > 0) return false
    this.#left = this.#next()
    return true
  }

  #next(): number {
    return 1 + randomInt(2 * this.#times)
  }
}

/** Of all connections: many are cut before they have seen many pieces. */
const turns = {
  callsCut: new Turns(CUT_ONCE_IN),
  repliesLost: new Turns(CUT_ONCE_IN),
  stalls: new Turns(STALL_ONCE_IN),
}

const counts = { repliesLost: 0, callsCut: 0, stalls: 0 }
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Data of one direction, piece by piece, with back-pressure. */
async function pump(
  from: Socket,
  to: Socket,
  pass: (data: Buffer) => Promise<unknown> | unknown,
): Promise<void> {
  try {
    for await (const data of from) await pass(data as Buffer)
    to.end()
  } catch {
    to.destroy()
  }
}

/** Writes, and waits while the other side does not take it. */
async function write(to: Socket, data: Buffer): Promise<void> {
  if (!to.write(data)) await Promise.race([once(to, 'drain'), once(to, 'close')])
}

function cutAtTimes(client: Socket, server: Socket): void {
  const cut = (count: 'repliesLost' | 'callsCut') => {
    counts[count]++
    client.resetAndDestroy()
    server.resetAndDestroy()
  }
  void pump(client, server, async (data) => {
    if (!turns.callsCut.come()) {
      await write(server, data)
      return
    }
    // None of it, some of it, or all of it.
    server.write(data.subarray(0, [0, randomInt(data.length), data.length][randomInt(3)]))
    await pause(randomInt(3))
    cut('callsCut')
  })
  void pump(server, client, async (data) => {
    if (turns.repliesLost.come()) cut('repliesLost')
    else await write(client, data)
  })
}

const FAULTS: Record<Fault, (client: Socket, server: Socket) => void> = {
  cut: cutAtTimes,
  delay(client, server) {
    void pump(client, server, (data) => write(server, data))
    void pump(server, client, async (data) => {
      await pause(randomInt(DELAY_MS_MAX))
      await write(client, data)
    })
  },
  bytes(client, server) {
    const each = (to: Socket) => async (data: Buffer) => {
      for (let i = 0; i < data.length; i++) {
        await new Promise<void>((sent) => to.write(data.subarray(i, i + 1), () => sent()))
      }
    }
    void pump(client, server, each(server))
    void pump(server, client, each(client))
  },
  slow(client, server) {
    void pump(client, server, (data) => write(server, data))
    void pump(server, client, async (data) => {
      for (let at = 0; at < data.length; at += SLOW_BYTES) {
        await write(client, data.subarray(at, at + SLOW_BYTES))
        await pause(SLOW_MS)
      }
    })
  },
  stall(client, server) {
    const each = (to: Socket) => async (data: Buffer) => {
      if (turns.stalls.come()) {
        counts.stalls++
        await pause(STALL_MS)
      }
      await write(to, data)
    }
    void pump(client, server, each(server))
    void pump(server, client, each(client))
  },
}

function listen(host: string, port: number, fault: Fault): Promise<unknown> {
  const listener = createServer({ noDelay: true }, (client) => {
    const server = connect({ host, port, noDelay: true })
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => undefined)
      one.on('close', () => other.destroy())
    }
    FAULTS[fault](client, server)
  })
  return once(listener.listen(FAULT_PORTS[fault], host), 'listening')
}

async function main(host = '', port = ''): Promise<void> {
  await Promise.all((Object.keys(FAULTS) as Fault[]).map((one) => listen(host, Number(port), one)))
  process.once('SIGTERM', () => {
    process.stdout.write(`${JSON.stringify(counts)}\n`, () => process.exit(0))
  })
  console.log('ready')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(...process.argv.slice(2))
}
