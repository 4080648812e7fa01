/** Random changes of a tree with few names, so that they meet. */
import { FsError } from '../../src/fs/error.ts'
import type { Random } from '../model/random.ts'
import type { Subject } from './harness.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e']

/** Paths of what is there, by whether it is a directory. */
function paths({ client }: Subject): { files: string[]; dirs: string[] } {
  const files: string[] = []
  const dirs = ['']
  for (const dir of dirs) {
    for (const name of client.names(dir === '' ? '.' : dir)) {
      if (name === '.' || name === '..') continue
      const path = dir === '' ? name : `${dir}/${name}`
      if (client.stat(path).type === 2) dirs.push(path)
      else files.push(path)
    }
  }
  return { files, dirs }
}

/** Does one thing, or nothing where it cannot be done. */
export async function changeSomething(subject: Subject, random: Random): Promise<void> {
  const { client } = subject
  const { files, dirs } = paths(subject)
  const dir = random.pick(dirs)
  const fresh = `${dir === '' ? '' : `${dir}/`}${random.pick(NAMES)}`
  const file = files.length > 0 ? random.pick(files) : fresh
  const some = random.oneIn(2) ? file : random.pick(dirs)
  const actions: readonly (() => unknown)[] = [
    () => client.create(fresh),
    () => client.write(file, random.below(3) * 4096, `${random.below(3)}`.repeat(5)),
    () => client.write(file, 0, `${random.below(3)}`.repeat(3000 + random.below(2) * 2000)),
    () => client.mkdir(fresh),
    () => client.symlink(fresh, `${random.below(5)}`),
    () => client.link(file, fresh),
    () => client.link(file, fresh),
    () => client.rename(some, fresh),
    () => client.rename(file, fresh),
    () => client.rename(random.pick(dirs), fresh),
    () => client.remove(file),
    () => client.rmdir(dir),
    () => removeTree(subject, dir),
    () => replace(subject, file),
    () => client.set(some, { mode: 0o600 + random.below(3) }),
    () => client.set(some, { mtime: { seconds: random.below(3), nseconds: 0 } }),
    () => client.set(file, { size: random.below(3) * 3000 }),
  ]
  try {
    await random.pick(actions)()
  } catch (error) {
    if (!(error instanceof FsError)) throw error
  }
}

function removeTree({ client }: Subject, dir: string): void {
  for (const name of client.names(dir === '' ? '.' : dir)) {
    if (name === '.' || name === '..' || dir === '') continue
    const path = `${dir}/${name}`
    if (client.stat(path).type === 2) removeTree({ client } as Subject, path)
    else client.remove(path)
  }
  if (dir !== '') client.rmdir(dir)
}

/** As many programs save. */
async function replace({ client }: Subject, file: string): Promise<void> {
  const fresh = `${file}~`
  client.create(fresh)
  await client.write(fresh, 0, 'saved')
  client.rename(fresh, file)
}
