/** Programs of tests, each in one file: a process that is to be killed starts in a third of the time. */
import { mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'

/** Inside the project, where its packages are found. */
const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/zerofs-nfs', import.meta.url))
/** What Node is to be told, so that stacks name the sources. */
export const BUNDLE_OPTIONS = ['--enable-source-maps']

const made = new Map<string, string>()

/** @param entry the path of a program. @returns that of one that does the same, while this runs */
export function bundled(entry: string): string {
  const known = made.get(entry)
  if (known !== undefined) return known
  mkdirSync(FOLDER, { recursive: true })
  const outfile = join(FOLDER, `${basename(entry, '.ts')}-${process.pid}.mjs`)
  buildSync({
    ...{ entryPoints: [entry], outfile, bundle: true, packages: 'external' },
    ...{ platform: 'node', format: 'esm', sourcemap: 'inline', logLevel: 'error' },
  })
  process.once('exit', () => rmSync(outfile, { force: true }))
  made.set(entry, outfile)
  return outfile
}
