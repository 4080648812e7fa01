/** A source tree and its repository, as tar files: what people unpack, look at, and check out. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const FILES_PER_DIRECTORY = 100
const BYTES_MIN = 400
const BYTES_SPAN = 8000
/** One file in so many is another one on the other branch. */
const CHANGED_EVERY = 5

export interface Tars {
  /** The files alone. */
  readonly files: string
  /** `.git`, packed, with the branches `main`, which the files are of, and `other`. */
  readonly git: string
}

/** Text that compresses as text does; the same for the same file and version. */
function content(file: number, version: number): string {
  const lines: string[] = []
  let random = file * 7919 + version * 104_729 + 1
  const bytes = BYTES_MIN + ((file * 2_654_435_761) % BYTES_SPAN)
  for (let length = 0; length < bytes; length += lines.at(-1)?.length ?? 0) {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0
    lines.push(`const value${random % 1000} = compute(${random}, 'file ${file}')\n`)
  }
  return lines.join('')
}

function write(root: string, file: number, version: number): void {
  const directory = join(root, `d${Math.floor(file / FILES_PER_DIRECTORY)}`)
  if (file % FILES_PER_DIRECTORY === 0) mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, `file-${file}.ts`), content(file, version))
}

export function makeTars(dir: string, files: number): Tars {
  const root = join(dir, 'tree')
  mkdirSync(root, { recursive: true })
  const author = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost']
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-C', root, ...author, ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  const commit = () => {
    git('add', '-A')
    git('commit', '-qm', 'Files')
  }
  git('init', '-q', '-b', 'main')
  for (let file = 0; file < files; file++) write(root, file, 0)
  commit()
  git('switch', '-q', '-c', 'other')
  for (let file = 0; file < files; file += CHANGED_EVERY) write(root, file, 1)
  commit()
  git('switch', '-q', 'main')
  git('gc', '-q')
  const tar = (name: string, ...args: readonly string[]) => {
    const path = join(dir, name)
    execFileSync('tar', ['-C', root, '-cf', path, ...args])
    return path
  }
  return { files: tar('files.tar', '--exclude=./.git', '.'), git: tar('git.tar', '.git') }
}
