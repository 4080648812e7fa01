/**
 * One flipped bit in each kind of record, in blocks, the intent log, the replies and the format: it
 * is found and named, and everything that does not depend on it is read as it was.
 */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkStore } from '../../src/check/check.ts'
import { checkDatabaseFiles } from '../../src/check/leveldb-files.ts'
import { Pace } from '../../src/check/pace.ts'
import { Problems } from '../../src/check/problems.ts'
import { FileType } from '../../src/fs/filesystem.ts'
import { Database } from '../../src/store/database.ts'
import { FsError } from '../../src/store/error.ts'
import { StoreError } from '../../src/store/format.ts'
import { Kind } from '../../src/store/keys.ts'
import { Volume } from '../../src/volume.ts'
import { blocks, clientOf, contentOf } from '../backup/scene.ts'
import { withTempDir } from '../control/tempdir.ts'
import type { Client } from '../fs/client.ts'
import { Random } from '../model/random.ts'
import { Scene, withVolumeOf } from './scene.ts'

const test = suite('check: bit rot')

const SEED = 7
const TABLE_ROUNDS = 24
const ALL_KEYS = { gte: Buffer.alloc(0), lt: Buffer.alloc(16, 0xff) }
/** Without these, nobody can say what the rest means: the store is not opened. */
const NEEDED: readonly string[] = [Kind.SUPERBLOCK, Kind.DATASET, Kind.SNAPSHOT, Kind.CHECKPOINT]

/** A store with records of many kinds. @returns what is in it */
async function build(directory: string): Promise<Record<string, string>> {
  return withVolumeOf(directory, async (volume) => {
    await new Scene(volume).build()
    return contentOf(volume)
  })
}

function flip(bytes: Buffer, at: number, bit = 1): void {
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
}

/** What is opened does not tell of what it finds: the tests do. */
const quiet = (directory: string): Promise<Volume> =>
  Volume.open({ directory, create: false, command: 'test', report: () => undefined })

/** What can be read of a tree; what cannot is left out, and counted. */
async function readable(client: Client, path: string, into: Map<string, string>): Promise<number> {
  let failures = 0
  const attempt = async (run: () => Promise<void> | void): Promise<void> => {
    try {
      await run()
    } catch (error) {
      assert.instance(error, FsError, `${path}: ${String(error)}`)
      failures++
    }
  }
  let names: string[] = []
  await attempt(() => {
    names = client.names(path)
  })
  for (const name of names) {
    const child = `${path}/${name}`
    await attempt(async () => {
      const { type, mode, size } = client.stat(child)
      const isFile = type === FileType.REG
      const hex = isFile ? ` ${Buffer.from(await client.read(child)).toString('hex')}` : ''
      into.set(child, `${type} ${mode} ${size}${hex}`)
      if (type === FileType.DIR) failures += await readable(client, child, into)
    })
  }
  return failures
}

/** Opens it, reads everything, checks it. @returns the problems, or why it does not open */
async function look(
  directory: string,
  content: Record<string, string>,
): Promise<{ problems: readonly string[]; lost: number; refusal: string | undefined }> {
  let volume: Volume
  try {
    volume = await quiet(directory)
  } catch (error) {
    assert.ok(error instanceof FsError || error instanceof StoreError, String(error))
    return { problems: [], lost: 0, refusal: error.message }
  }
  try {
    const found = new Map<string, string>()
    try {
      const client = clientOf(volume)
      await readable(client, '', found)
      const names = volume.snapshots.list().map(({ name }) => name)
      for (const name of names) await readable(client, `.snapshots/${name}`, found)
    } catch (error) {
      // The root directory itself cannot be read, or is not found.
      assert.match(String(error), /the database cannot be read|inode 1 is missing/)
    }
    for (const [path, what] of found) assert.is(what, content[path], `${path} is not what it was`)
    const lost = Object.keys(content).length - found.size
    const { problems } = await checkStore(volume.store, () => undefined)
    return { problems, lost, refusal: undefined }
  } finally {
    await volume.close().catch(() => undefined)
  }
}

/** The keys of one record of each kind, the last of them, as the database has them. */
async function oneOfEach(
  directory: string,
): Promise<ReadonlyMap<string, readonly [Buffer, Buffer]>> {
  const database = await Database.open(join(directory, 'meta'))
  const found = new Map<string, readonly [Buffer, Buffer]>()
  const frozen = database.freeze()
  for await (const batch of frozen.batches(ALL_KEYS)) {
    for (const [key, sealed] of batch) {
      const letter = String.fromCharCode(key[4] ?? 0)
      found.set(letter === Kind.HISTORY ? letter + String.fromCharCode(key[5] ?? 0) : letter, [
        key,
        sealed,
      ])
    }
  }
  await frozen.close()
  await database.close()
  return found
}

test('a bit of each kind of record: found, named, and nothing else is wrong', () =>
  withTempDir(async (folder) => {
    const sound = join(folder, 'sound')
    const content = await build(sound)
    const random = new Random(SEED)
    const kinds = await oneOfEach(sound)
    assert.ok(kinds.size >= 15, [...kinds.keys()].join(' '))
    for (const [kind, [key, sealed]] of kinds) {
      const directory = join(folder, `rot-${kind}`)
      await cp(sound, directory, { recursive: true })
      const value = Buffer.from(sealed)
      const at = random.below(value.length)
      flip(value, at, random.below(8))
      const database = await Database.open(join(directory, 'meta'))
      await database.write([{ key, value }])
      await database.close()
      const { problems, lost, refusal } = await look(directory, content)
      const told = `${kind}: ${refusal ?? problems.join('\n')}`
      if (NEEDED.includes(kind)) assert.match(refusal ?? '', `record ${kind} `, told)
      else {
        assert.is(refusal, undefined, told)
        assert.ok(
          problems.some((text) => text.includes('does not match its checksum')),
          told,
        )
        // At the most a directory with all that is in it, in all the states that see it.
        assert.ok(lost < Object.keys(content).length, told)
      }
    }
  }))

test('a bit anywhere in the tables of the database is found, with its place', () =>
  withTempDir(async (folder) => {
    const sound = join(folder, 'sound')
    const content = await build(sound)
    // What is opened again writes its log to a table.
    assert.equal((await look(sound, content)).problems, [])
    const meta = join(sound, 'meta')
    const tables = (await readdir(meta)).filter((name) => name.endsWith('.ldb'))
    assert.ok(tables.length > 0)
    const random = new Random(SEED)
    const problemsOf = async (): Promise<readonly string[]> => {
      const problems = new Problems()
      await checkDatabaseFiles(meta, problems, new Pace(() => undefined))
      return problems.sentences(() => '')
    }
    assert.equal(await problemsOf(), [])
    for (let round = 0; round < TABLE_ROUNDS; round++) {
      const name = tables[random.below(tables.length)] ?? ''
      const bytes = await readFile(join(meta, name))
      // Between the handles and the magic number, the footer holds nothing.
      const at = random.below(bytes.length - 48)
      const bit = random.below(8)
      flip(bytes, at, bit)
      await writeFile(join(meta, name), bytes)
      const [problem = 'nothing'] = await problemsOf()
      assert.match(problem, `meta/${name} is damaged: what is at byte `, `byte ${at}, bit ${bit}`)
      flip(bytes, at, bit)
      await writeFile(join(meta, name), bytes)
    }
    const [manifest = ''] = (await readdir(meta)).filter((name) => name.startsWith('MANIFEST'))
    const bytes = await readFile(join(meta, manifest))
    flip(bytes, 20)
    await writeFile(join(meta, manifest), bytes)
    assert.match((await problemsOf())[0] ?? '', `meta/${manifest} is damaged: what is at byte 0`)
  }))

test('a bit of a block: the file is named, its bytes are an error and not wrong, others are read', () =>
  withTempDir(async (directory) => {
    const content = await withVolumeOf(directory, async (volume) => {
      const client = clientOf(volume)
      for (let i = 0; i < 20; i++) {
        client.create(`file-${i}`)
        await client.write(`file-${i}`, 0, blocks(3, i + 1))
      }
      volume.data.settleAll()
      return contentOf(volume)
    })
    const path = join(directory, 'blocks', '00000000')
    const bytes = await readFile(path)
    const at = bytes.indexOf(blocks(3, 8).subarray(4096, 8192))
    flip(bytes, at + new Random(SEED).below(4096))
    await writeFile(path, bytes)
    const { problems, lost } = await look(directory, content)
    assert.is(problems.length, 1)
    assert.match(problems[0] ?? '', /^'file-7' \(inode \d+\): bytes 4096 to 8191 are damaged/)
    assert.is(lost, 1)
  }))

test('a bit of the intent log: in the midst it is refused, at its end the rest is there', () =>
  withTempDir(async (folder) => {
    const [store, crashed] = [join(folder, 'store'), join(folder, 'crashed')]
    const ends: number[] = []
    await withVolumeOf(store, async (volume) => {
      for (const name of ['one', 'two', 'three']) {
        clientOf(volume).create(name)
        await volume.store.flush()
        ends.push(volume.store.logBytes)
      }
      await cp(store, crashed, { recursive: true })
    })
    const rotten = async (entry: number): Promise<string> => {
      const directory = join(folder, `entry-${entry}`)
      await cp(crashed, directory, { recursive: true })
      for (const name of ['log.0', 'log.1']) {
        const bytes = await readFile(join(directory, name))
        const at = (ends[entry] ?? 0) - 4096 + 60
        if (at < bytes.length) flip(bytes, at)
        await writeFile(join(directory, name), bytes)
      }
      return directory
    }
    const midst = await quiet(await rotten(1)).catch((error: Error) => error)
    assert.instance(midst, FsError)
    assert.match((midst as Error).message, /^intent log entry \d+ is damaged or missing, entry/)
    const volume = await quiet(await rotten(2))
    assert.equal(clientOf(volume).names(''), ['one', 'two'])
    await volume.close()
  }))

test('a bit of the format, and of a reply that is kept', () =>
  withTempDir(async (folder) => {
    const directory = join(folder, 'store')
    const content = await build(directory)
    const slot = Buffer.alloc(512, 3)
    await writeFile(join(directory, 'replies'), slot)
    const { problems, lost } = await look(directory, content)
    assert.equal(problems, ['kept reply 0 does not match its checksum'])
    assert.is(lost, 0)
    await writeFile(join(directory, 'format'), 'zerofs-nfs 7\n')
    const { refusal } = await look(directory, content)
    assert.match(refusal ?? '', 'has the format "zerofs-nfs 7", which this version does not know')
  }))

test.run()
