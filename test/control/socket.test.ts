import { once } from 'node:events'
import { existsSync, linkSync, renameSync } from 'node:fs'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RemoteOperations } from '../../src/control/client.ts'
import { controlProgram } from '../../src/control/program.ts'
import { CONTROL_SOCKET, openControlSocket, SocketError } from '../../src/control/socket.ts'
import { FakeOperations, STATUS } from './fake.ts'
import { withTempDir } from './tempdir.ts'

const test = suite('control/socket')

const serve = (directory: string) =>
  openControlSocket(directory, controlProgram(new FakeOperations()), () => undefined)

async function answers(directory: string): Promise<boolean> {
  const remote = await RemoteOperations.connect(directory)
  try {
    return (await remote.status()).pid === STATUS.pid
  } finally {
    await remote.close()
  }
}

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  try {
    await run
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).name
  }
  return undefined
}

test('only the owner may connect', async () => {
  await withTempDir(async (directory) => {
    const mask = process.umask()
    const socket = await serve(directory)
    assert.is((await stat(join(directory, CONTROL_SOCKET))).mode & 0o777, 0o600)
    assert.is(process.umask(), mask)
    await socket.close(1000)
  })
})

test('is gone when it is closed, and nobody answers then', async () => {
  await withTempDir(async (directory) => {
    assert.is(await codeOf(RemoteOperations.connect(directory)), 'ENOENT')
    const socket = await serve(directory)
    assert.ok(await answers(directory))
    await socket.close(1000)
    assert.not.ok(existsSync(join(directory, CONTROL_SOCKET)))
  })
})

/** Leaves a socket that nobody listens on, as a killed server does. */
async function leaveStale(directory: string): Promise<void> {
  const path = join(directory, CONTROL_SOCKET)
  const server = createServer().listen(path)
  await once(server, 'listening')
  // A name that Node does not know of outlives the server.
  linkSync(path, `${path}.kept`)
  server.close()
  await once(server, 'close')
  renameSync(`${path}.kept`, path)
}

test('replaces what a killed server left', async () => {
  await withTempDir(async (directory) => {
    await leaveStale(directory)
    assert.is(await codeOf(RemoteOperations.connect(directory)), 'ECONNREFUSED')
    const socket = await serve(directory)
    assert.ok(await answers(directory))
    await socket.close(1000)
  })
})

test('does not remove what is no socket', async () => {
  await withTempDir(async (directory) => {
    await writeFile(join(directory, CONTROL_SOCKET), 'precious')
    assert.is(await codeOf(serve(directory)), 'SocketError')
    assert.ok(existsSync(join(directory, CONTROL_SOCKET)))
  })
})

test('works in a folder whose path is longer than a socket address', async () => {
  await withTempDir(async (temp) => {
    const directory = join(temp, 'long'.repeat(40))
    await mkdir(directory)
    const socket = await serve(directory)
    assert.ok((await stat(join(directory, CONTROL_SOCKET))).isSocket())
    assert.ok(await answers(directory))
    await socket.close(1000)
    assert.not.ok(existsSync(join(directory, CONTROL_SOCKET)))
    assert.is(await codeOf(RemoteOperations.connect(directory)), 'ENOENT')
  })
})

test('counts its connections', async () => {
  await withTempDir(async (directory) => {
    const socket = await serve(directory)
    const remote = await RemoteOperations.connect(directory)
    await remote.status()
    assert.is(socket.connections, 1)
    await remote.close()
    await socket.close(1000)
  })
})

test('says so where it cannot be opened', async () => {
  const error = await serve('/nonexistent/folder').catch((caught) => caught)
  assert.instance(error, SocketError)
  assert.match(error.message, /^the control socket cannot be opened: /)
})

test.run()
