/** The command as it is installed: through npm's symlink, from the packed files alone. */
import { execFile, execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withTempDir } from '../control/tempdir.ts'

const test = suite('bin/zerofs-nfs')

const PROJECT = fileURLToPath(new URL('../../', import.meta.url))

const { PATH } = process.env

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(file: string, argv: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { PATH }
    const child = execFile(file, argv, { cwd, env }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    )
  })
}

/** Unpacks what `npm pack` packs, and links its command as `npm install` does. */
async function withInstalled(use: (command: string, path: string) => Promise<void>): Promise<void> {
  await withTempDir(async (path) => {
    // Without its scripts: the build is there, and other tests are using it.
    const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', path]
    const packed = execFileSync('npm', pack, {
      cwd: PROJECT,
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
    })
    const [{ filename }] = JSON.parse(packed) as [{ filename: string }]
    execFileSync('tar', ['-xzf', join(path, filename), '-C', path])
    fs.symlinkSync(join(PROJECT, 'node_modules'), join(path, 'package/node_modules'))
    fs.mkdirSync(join(path, 'bin'))
    fs.symlinkSync('../package/bin/zerofs-nfs.js', join(path, 'bin/zerofs-nfs'))
    await use(join(path, 'bin/zerofs-nfs'), path)
  })
}

test('works from the package, through a link, in any folder', async () => {
  await withInstalled(async (command, path) => {
    const { version } = JSON.parse(fs.readFileSync(join(PROJECT, 'package.json'), 'utf8'))
    const told = await run(command, ['--version'], '/')
    assert.equal(told, { code: 0, stdout: `zerofs-nfs ${version}\n`, stderr: '' })

    const none = await run(command, ['snapshot', 'list'], path)
    assert.is(none.code, 4)
    assert.match(none.stderr, /^zerofs-nfs: there is no store at .*\/data/)
    assert.not.ok(fs.existsSync(join(path, 'data')), 'looking makes nothing')

    const wrong = await run(command, ['snapshot', 'lsit'], path)
    assert.is(wrong.code, 2)
    for (const file of ['README.md', 'LICENSE', 'package.json']) {
      assert.ok(fs.existsSync(join(path, 'package', file)), file)
    }
    for (const absent of ['src', 'test', 'tsconfig.json']) {
      assert.not.ok(fs.existsSync(join(path, 'package', absent)), absent)
    }
  })
})

test('whoever stops reading what it prints does not make it fail', async () => {
  const command = join(PROJECT, 'bin/zerofs-nfs.js')
  const { code, stderr } = await run(
    'bash',
    ['--norc', '-c', `'${command}' --help | true; exit \${PIPESTATUS[0]}`],
    '/',
  )
  assert.equal([code, stderr], [0, ''])
})

test.run()
