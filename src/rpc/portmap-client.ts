/** Asks another host's portmapper where a program listens. */
import { isIPv6 } from 'node:net'
import { uint32 } from '../xdr/codec.ts'
import { RpcClient, RpcError } from './client.ts'
import * as wire from './portmap-wire.ts'
import { PMAP_PROG } from './program.ts'
import { fromUniversal, IPPROTO_TCP, IPPROTO_UDP, netidOf } from './rpcbind-address.ts'

export interface PortQuestion {
  /** Numeric. */
  readonly host: string
  readonly prog: number
  readonly vers: number
  readonly transport: 'tcp' | 'udp'
}

export interface AskOptions {
  /** For one answer, in milliseconds. */
  readonly timeoutMs: number
  /** Other than 111 in tests only. */
  readonly port?: number
}

/**
 * Over UDP first, which needs no connection; over TCP where that is not answered. IPv4 is asked by
 * version 2, which every portmapper has; IPv6 by rpcbind's versions 4 and 3, which alone know it.
 *
 * @returns undefined where it is not registered
 * @throws RpcError, or the system's error, where no portmapper answers
 */
export async function askPort(
  question: PortQuestion,
  options: AskOptions,
): Promise<number | undefined> {
  try {
    return await askBy('udp', question, options)
  } catch {
    return askBy('tcp', question, options)
  }
}

async function askBy(
  transport: 'tcp' | 'udp',
  question: PortQuestion,
  { timeoutMs, port = wire.PMAP_PORT }: AskOptions,
): Promise<number | undefined> {
  const options = { timeoutMs, background: true }
  const client = await RpcClient.connect({ transport, host: question.host, port }, options)
  try {
    return isIPv6(question.host)
      ? await byRpcbind(client, question)
      : await byPmap(client, question)
  } finally {
    await client.close()
  }
}

async function byPmap(
  client: RpcClient,
  { prog, vers, transport }: PortQuestion,
): Promise<number | undefined> {
  const prot = transport === 'tcp' ? IPPROTO_TCP : IPPROTO_UDP
  const asked = { prog, vers, prot, port: 0 }
  const proc = wire.PMAPPROC_GETPORT
  const port = await client.call(PMAP_PROG, wire.PMAPVERS, proc, wire.mapping, asked, uint32)
  return port === 0 ? undefined : port
}

async function byRpcbind(
  client: RpcClient,
  { host, prog, vers, transport }: PortQuestion,
): Promise<number | undefined> {
  const asked = {
    ...{ r_prog: prog, r_vers: vers, r_netid: netidOf(transport, host) },
    ...{ r_addr: '', r_owner: '' },
  }
  const ask = (version: number) =>
    client.call(PMAP_PROG, version, wire.RPCBPROC_GETADDR, wire.rpcb, asked, wire.rpcbString)
  const found = await ask(wire.RPCBVERS4).catch((error: unknown) => {
    if (error instanceof RpcError && error.refusal !== undefined) return ask(wire.RPCBVERS)
    throw error
  })
  return fromUniversal(found)?.port
}
