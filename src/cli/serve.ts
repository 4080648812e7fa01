/** `zerofs-nfs serve` */
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MEMORY_MIN } from '../memory.ts'
import type { ServeOptions, Serving } from '../server.ts'
import { type Context, dataFolder } from './context.ts'
import { Exit, UsageError } from './errors.ts'
import type { StopSignal } from './io.ts'
import type { Command, Given } from './options.ts'
import { EXPORT_OPTIONS, exportRules } from './serve-exports.ts'
import { parseSize } from './size.ts'
import { columns, counted, size } from './text.ts'

/** SIGTERM is obeyed within 5 seconds. */
const STOP_MS = 4900

/** Longest time that clients may have to reclaim their locks. */
const GRACE_SECONDS_MAX = 3600

const LOCALHOST = ['127.0.0.1', '::1']

export const serve: Command = {
  name: 'serve',
  args: '[dir]',
  usage: '[DIR]',
  about: 'serve the data folder to NFS clients, until SIGTERM or Ctrl-C',
  options: [
    {
      name: 'listen',
      value: 'ADDR',
      many: true,
      about: 'address to listen on, 0.0.0.0 or :: for all; again for more (default: localhost)',
    },
    { name: 'port', value: 'N', about: 'port of NFS (default: 2049, or a free one)' },
    { name: 'udp', about: 'serve NFS over UDP too, for what knows nothing else' },
    { name: 'mount-port', value: 'N', about: "port of MOUNT and RQUOTA (default: NFS's)" },
    {
      name: 'portmap',
      value: 'MODE',
      about: 'auto, own (port 111), system (register with rpcbind) or off (default: auto)',
    },
    {
      name: 'durability',
      value: 'MODE',
      about: 'sync, or async: replies to metadata changes do not wait for the disk (default: sync)',
    },
    {
      name: 'memory',
      value: 'SIZE',
      about: 'the most resident memory, from 256M on (default: 1G)',
    },
    {
      name: 'grace',
      value: 'SECONDS',
      about: 'how long clients may reclaim their locks after a restart (default: 45)',
    },
    ...EXPORT_OPTIONS,
  ],
  json: 'lines',
  notes:
    "DIR is the data folder, the same as --data DIR; it is made where it is missing. The line 'ready'\n" +
    'with the addresses says that clients may come.',
  examples: [
    'zerofs-nfs serve',
    'zerofs-nfs serve /srv/data --listen 0.0.0.0 --listen ::',
    'zerofs-nfs serve /srv/data --port 12049 --portmap off',
    'zerofs-nfs serve --listen 0.0.0.0 --allow 192.0.2.0/24 --squash all --anon 1000:1000',
  ],
  async run(context, given) {
    const options = serveOptions(context, given)
    const stop = stopRequest(context)
    try {
      return await untilStopped(context, await context.parts.startServer(options), options, stop)
    } finally {
      stop.forget()
    }
  },
}

/** @throws UsageError */
function serveOptions(context: Context, given: Given): ServeOptions {
  const { io, version } = context
  const [dir] = given.args
  const data = given.value('data')
  if (dir !== undefined && data !== undefined && resolve(io.cwd, dir) !== resolve(io.cwd, data)) {
    throw new UsageError(`DIR is ${dir} and --data is ${data}: give one of them`)
  }
  return {
    directory: dir === undefined ? dataFolder(context, given) : resolve(io.cwd, dir),
    listen: given.values('listen').flatMap(hostsOf),
    port: given.port('port'),
    mountPort: given.port('mount-port'),
    udp: given.flag('udp'),
    exports: exportRules(given),
    portmap: given.word('portmap', ['auto', 'own', 'system', 'off'], 'auto'),
    durability: given.word('durability', ['sync', 'async'], 'sync'),
    graceSeconds: graceOf(given),
    memory: memoryOf(given),
    version,
    report: (message, error) => tellProblem(context, message, error),
  }
}

/** @throws UsageError */
function graceOf(given: Given): number | undefined {
  const value = given.value('grace')
  if (value === undefined) return undefined
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Number.POSITIVE_INFINITY
  if (seconds <= GRACE_SECONDS_MAX) return seconds
  throw new UsageError(
    `--grace is a number of seconds from 0 to ${GRACE_SECONDS_MAX}, not '${value}'`,
  )
}

/** @throws UsageError */
function memoryOf(given: Given): number | undefined {
  const value = given.value('memory')
  if (value === undefined) return undefined
  const bytes = parseSize(value)
  if (bytes !== undefined && bytes >= MEMORY_MIN) return bytes
  const least = size(MEMORY_MIN)
  throw new UsageError(`--memory is a size of at least ${least}, such as 2G, not '${value}'`)
}

function hostsOf(address: string): readonly string[] {
  if (address === 'localhost') return LOCALHOST
  const bare = address.replace(/^\[(.*)\]$/, '$1')
  if (isIP(bare) !== 0) return [bare]
  throw new UsageError(
    `--listen is a numeric address or localhost, not '${address}' (the port is --port's)`,
  )
}

function tellProblem(context: Context, message: string, error: unknown): void {
  const why = error instanceof Error ? error.message : String(error)
  context.warn(`zerofs-nfs: ${message}: ${why}`)
  if (context.io.env.ZEROFS_NFS_DEBUG && error instanceof Error) context.warn(`${error.stack}`)
  context.printJson({ event: 'problem', message, error: why })
}

interface StopRequest {
  readonly signal: Promise<StopSignal>
  forget(): void
}

/** The first signal asks to stop, the second one ends the process. */
function stopRequest({ io }: Context): StopRequest {
  let asked = false
  let forget = () => {}
  const signal = new Promise<StopSignal>((resolve) => {
    forget = io.onSignal((name) => {
      if (asked) io.exit(Exit.INTERRUPTED)
      asked = true
      resolve(name)
    })
  })
  return { signal, forget }
}

async function untilStopped(
  context: Context,
  serving: Serving,
  options: ServeOptions,
  { signal }: StopRequest,
): Promise<number> {
  announce(context, serving, options)
  const name = await signal
  context.print(`stopping (${name})`)
  context.printJson({ event: 'stopping', signal: name })
  const late = sleep(STOP_MS, false, { ref: false })
  const stopped = await Promise.race([serving.stop().then(() => true), late])
  if (!stopped) {
    context.warn('zerofs-nfs: it took too long to stop; what was promised is in the intent log')
    context.io.exit(Exit.ERROR)
    return Exit.ERROR
  }
  context.print('stopped')
  context.printJson({ event: 'stopped' })
  return Exit.OK
}

function announce(context: Context, serving: Serving, options: ServeOptions): void {
  const { addresses, mount, portmap, recovered } = serving
  const { directory, durability, udp = false } = options
  const { version, print, printJson, style } = context
  print(`zerofs-nfs ${version} serves ${directory} (${durability}), process ${process.pid}`)
  const rows = [
    ['addresses', `${addresses.join(', ')}${udp ? ' (TCP and UDP)' : ''}`],
    ['portmap', portmap],
    ...(recovered > 0
      ? [['recovered', `${counted(recovered, 'record')} from the intent log`]]
      : []),
    ['mount with', style('bold', mount.command)],
    ...(mount.why === undefined ? [] : [['', `(it needs options: ${mount.why})`]]),
  ]
  for (const line of columns(rows)) print(`  ${line}`)
  print(style('green', `ready ${addresses.join(' ')}`))
  const facts = { directory, durability, udp, version, pid: process.pid, portmap, recovered }
  printJson({ event: 'serving', ...facts, mount: { ...mount, why: mount.why ?? null } })
  printJson({ event: 'ready', addresses })
}
