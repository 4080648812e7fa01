/** Names are bytes: from a client through a snapshot and the command, onto a disk and back. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { printable } from '../src/cli/text.ts'
import { FileType } from '../src/fs/filesystem.ts'
import { startServer } from '../src/server.ts'
import { Volume } from '../src/volume.ts'
import { type Args, Harness, type Name } from './nfs/harness.ts'
import { Wire } from './nfs/wire.ts'
import { withFolder } from './store/open-store.ts'

const test = suite('names')

const COMMAND = fileURLToPath(new URL('../bin/zerofs-nfs.js', import.meta.url))

const latin1 = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))
const utf8 = (text: string) => new Uint8Array(Buffer.from(text))
const hex = (name: Uint8Array) => Buffer.from(name).toString('hex')

/** Names that somebody's code trips over. */
const ODD: readonly Uint8Array[] = [
  utf8('x'.repeat(255)),
  latin1('\xff'.repeat(255)),
  // 255 bytes that end in the middle of a character.
  utf8('é'.repeat(128)).subarray(0, 255),
  // Every byte that a name may have.
  Uint8Array.from({ length: 254 }, (_, i) => (i + 1 < 0x2f ? i + 1 : i + 2)),
  latin1('\xff\xfe'),
  latin1('\x80'),
  // Too long for what it means; half of a pair.
  latin1('\xc0\xae\xc0\xae'),
  latin1('\xed\xa0\x80'),
  utf8('new\nline'),
  utf8('\n'),
  utf8('\r\t\x1b[2J\x7f'),
  utf8(' '),
  utf8('...'),
  utf8('.snapshots.'),
  utf8('-rf'),
  utf8('a\\x0ab'),
  utf8(`"quoted" 'name' $HOME *?[a-z]`),
  utf8('é'),
  // The same to a reader, in two characters; and what turns a line around.
  utf8('e\u0301'),
  utf8('\u202egnp.exe'),
  utf8('\ufffd'),
]

const NONE = { specdata1: 0, specdata2: 0 }

/** Every call that gives a name to something, or looks for one. */
const calls: { [K in Name]?: (dir: Uint8Array, name: Uint8Array, file: Uint8Array) => Args<K> } = {
  LOOKUP: (dir, name) => ({ what: { dir, name } }),
  CREATE: (dir, name) => ({ where: { dir, name }, how: { mode: 'UNCHECKED', attributes: {} } }),
  MKDIR: (dir, name) => ({ where: { dir, name }, attributes: {} }),
  SYMLINK: (dir, name) => ({
    where: { dir, name },
    symlink: { symlink_attributes: {}, symlink_data: utf8('x') },
  }),
  MKNOD: (dir, name) => ({
    where: { dir, name },
    what: { type: FileType.FIFO, attributes: {}, spec: NONE },
  }),
  REMOVE: (dir, name) => ({ object: { dir, name } }),
  RMDIR: (dir, name) => ({ object: { dir, name } }),
  RENAME: (dir, name) => ({ from: { dir, name: utf8('file') }, to: { dir, name } }),
  LINK: (dir, name, file) => ({ file, link: { dir, name } }),
}

async function withNfs(run: (nfs: Harness<Volume['fs']>, file: Uint8Array) => Promise<void>) {
  await withFolder(async (directory) => {
    const report = () => undefined
    const volume = await Volume.open({ directory, create: true, command: 'test', report })
    try {
      const nfs = new Harness<Volume['fs']>([{ path: '/' }], volume.fs)
      const where = { dir: nfs.root, name: utf8('file') }
      const how = { mode: 'GUARDED' as const, attributes: {} }
      const { obj } = await nfs.ok('CREATE', { where, how })
      await run(nfs, (obj ?? new Uint8Array()).slice())
    } finally {
      await volume.close()
    }
  })
}

for (const name of Object.keys(calls) as Name[]) {
  test(`${name} takes no name that none can be, and changes nothing`, async () => {
    await withNfs(async (nfs, file) => {
      const args = (bytes: Uint8Array) => calls[name]?.(nfs.root, bytes, file) as Args<Name>
      const before = nfs.fs.getattr(nfs.fs.root())
      for (const bad of ['', '/', 'a/b', '/a', 'a/', '\0', 'a\0', '../a']) {
        await nfs.fails(name, args(utf8(bad)), 'NFS3ERR_INVAL')
      }
      for (const long of [utf8('x'.repeat(256)), new Uint8Array(5000).fill(0xff)]) {
        await nfs.fails(name, args(long), 'NFS3ERR_NAMETOOLONG')
      }
      for (const dots of name === 'LOOKUP' ? [] : ['.', '..']) {
        const result = await nfs.call(name, args(utf8(dots)))
        assert.ok('resfail' in result, `${name} of '${dots}'`)
      }
      assert.equal(nfs.fs.getattr(nfs.fs.root()), before)
    })
  })
}

test('every odd name can be made, found, listed, linked, renamed and removed', async () => {
  await withNfs(async (nfs) => {
    const dir = nfs.root
    const how = { mode: 'GUARDED' as const, attributes: {} }
    for (const name of ODD) {
      const made = await nfs.ok('CREATE', { where: { dir, name }, how })
      const found = await nfs.ok('LOOKUP', { what: { dir, name } })
      assert.equal(found.object, made.obj)
    }
    const counts = { dircount: 1 << 20, maxcount: 1 << 20 }
    const asked = { dir, cookie: 0, cookieverf: new Uint8Array(8), ...counts }
    const { reply } = await nfs.ok('READDIRPLUS', asked)
    assert.ok(Array.isArray(reply.entries))
    const listed = reply.entries.map((entry: { name: Uint8Array }) => hex(entry.name))
    assert.equal(listed, ['.', '..', 'file'].map((name) => hex(utf8(name))).concat(ODD.map(hex)))
    for (const name of ODD) {
      const other = name.slice()
      other[0] = name[0] === 0x41 ? 0x42 : 0x41
      const [from, to] = [
        { dir, name },
        { dir, name: other },
      ]
      await nfs.ok('RENAME', { from, to })
      await nfs.fails('LOOKUP', { what: from }, 'NFS3ERR_NOENT')
      const { object } = await nfs.ok('LOOKUP', { what: to })
      await nfs.ok('LINK', { file: object.slice(), link: from })
      await nfs.ok('REMOVE', { object: to })
      await nfs.ok('REMOVE', { object: from })
    }
  })
})

/** Runs the command by a shell, which is how words of any bytes come to it. */
async function command(script: string, data: string) {
  const env = { ...process.env, Z: COMMAND, D: data, LC_ALL: 'C' }
  const child = spawn('bash', ['-euc', script], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('latin1').on('data', (text: string) => {
    stderr += text
  })
  const [code] = await once(child, 'close')
  assert.is(code, 0, `${script}: ${stderr}`)
  return stdout
}

/** A word of any bytes, as bash reads it. */
const word = (name: Uint8Array) =>
  `$'${Array.from(name, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}'`

/** Puts a file of each of the names in the root directory by NFS; each holds its name. */
async function fill(directory: string, names: readonly Uint8Array[]): Promise<void> {
  const serving = await startServer({
    ...{ directory, listen: ['127.0.0.1'], port: 0, mountPort: undefined, portmap: 'off' },
    ...{ durability: 'sync', version: 'test', report: () => undefined },
  })
  const wire = await Wire.open(Number(serving.addresses[0]?.split(':')[1]))
  let xid = 1
  const dir = await wire.mount(xid++)
  for (const name of names) {
    const how = { mode: 'GUARDED' as const, attributes: { mode: 0o644 } }
    const { obj } = await wire.ok(xid++, 'CREATE', { where: { dir, name }, how })
    const file = (obj ?? new Uint8Array()).slice()
    const data = { offset: 0, count: name.length, stable: 2 as const, data: name }
    await wire.ok(xid++, 'WRITE', { file, ...data })
  }
  await wire.cut()
  await serving.stop()
}

test('they come through snapshots and every command that names them', async () => {
  await withFolder(async (folder) => {
    const data = join(folder, 'data')
    const out = join(folder, 'out')
    await fill(data, [])
    await command('"$Z" snapshot create zero --data "$D"', data)
    await fill(data, ODD)
    await command('"$Z" snapshot create one --data "$D"', data)

    // By itself, named on the command line, onto the operator's disk, and back into its place.
    const three = [ODD[0], ODD[5], ODD[8]] as Uint8Array[]
    const back = `"$Z" restore --data "$D" --snapshot one`
    const one = three.map((name) => `${back} --output ${out} -- ${word(name)};`).join(' ')
    await command(`mkdir ${out}; ${one} ${back} -- ${three.map(word).join(' ')}`, data)
    const there = () => readdirSync(out, { encoding: 'buffer' }).map(hex).sort()
    assert.equal(there(), three.map(hex).sort())

    // All of them at once.
    await command(`rm -r ${out}; ${back} --output ${out} -- /`, data)
    assert.equal(there(), ODD.map(hex).sort())
    for (const name of ODD) {
      const path = Buffer.concat([Buffer.from(`${out}/`), name])
      assert.equal(new Uint8Array(readFileSync(path)), name)
    }

    // What is printed is a line each, whatever the name, and tells them apart.
    const diff = await command('"$Z" diff zero one --data "$D"', data)
    const lines = Buffer.from(diff, 'latin1').toString().trimEnd().split('\n').sort()
    assert.equal(lines, ODD.map((name) => `+ ${printable(name)}`).sort())
    const versions = await command(
      `"$Z" versions --data "$D" -- ${word(three[1] as Uint8Array)}`,
      data,
    )
    assert.match(versions, /one/)
  })
})

test.run()
