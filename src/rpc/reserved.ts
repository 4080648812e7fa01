/** Calls from a port below 1024, which only root can have: some programs believe no other caller. */
import { type ClientOptions, RpcClient } from './client.ts'
import type { ServerAddress } from './client-transport.ts'

/** Those below are of well-known servers. */
const FIRST_PORT = 600
const LAST_PORT = 1023
/** How many ports are tried: most are free. */
const TRIES = 16
const TAKEN: ReadonlySet<unknown> = new Set(['EADDRINUSE', 'EADDRNOTAVAIL'])

/**
 * @param random 0 to 1: where to begin
 * @throws the system's error where no such port can be had (EACCES), or nobody listens
 */
export async function connectReserved(
  to: Exclude<ServerAddress, { transport: 'unix' }>,
  options: ClientOptions,
  random: () => number,
): Promise<RpcClient> {
  const ports = LAST_PORT - FIRST_PORT + 1
  const start = Math.floor(random() * ports)
  for (let i = 0; ; i++) {
    const localPort = FIRST_PORT + ((start + i) % ports)
    try {
      return await RpcClient.connect({ ...to, localPort }, options)
    } catch (error) {
      if (i === TRIES || !TAKEN.has((error as NodeJS.ErrnoException).code)) throw error
    }
  }
}
