/** `zerofs-nfs diff`: what changed between two snapshots, or since one. */
import type { DiffEntry, DiffKind } from '../control/history.ts'
import type { Context } from './context.ts'
import { forEachEntry, jsonPath, shown, typeName } from './entries.ts'
import { Exit } from './errors.ts'
import { explained, withDataset } from './operations.ts'
import type { Command } from './options.ts'
import { count } from './text.ts'

export const diff: Command = {
  name: 'diff',
  args: '<from> [to]',
  usage: 'SNAPSHOT [SNAPSHOT]',
  about: 'tell what changed between two snapshots, or from one until now',
  options: [],
  ofDataset: true,
  json: 'lines',
  notes:
    'A line for each change, in the order of the tree:\n' +
    '  + PATH         is new, or a further name of a file that was there (a hard link)\n' +
    '  - PATH         is gone\n' +
    '  M PATH         has other content\n' +
    '  m PATH         has other attributes: mode, owner, group or time\n' +
    '  R OLD -> NEW   was renamed or moved; what is below a directory moved with it\n' +
    'Directories end with a slash. It takes as long as what changed, whatever the size of the rest.\n' +
    'Now may change meanwhile: make a snapshot, and compare with that, to have it exact.',
  examples: [
    'zerofs-nfs diff before-upgrade',
    'zerofs-nfs diff monday tuesday --dataset projects',
    'zerofs-nfs diff monday --json | jq -r \'select(.kind == "added").path\'',
  ],
  run: (context, given) =>
    withDataset(context, given, 'diff', async (operations, signal) => {
      const [from = '', to] = given.args
      const counts = new Map<DiffKind, number>()
      const running = forEachEntry(signal, operations.diff({ from, to }), (entry) => {
        counts.set(entry.kind, (counts.get(entry.kind) ?? 0) + 1)
        context.print(line(entry))
        context.printJson(asJson(entry))
      })
      await explained(operations, to === undefined ? from : [from, to], running)
      summarize(context, counts)
      context.printJson({ event: 'end', from, to: to ?? null, ...Object.fromEntries(counts) })
      return Exit.OK
    }),
}

const SIGNS: Record<DiffKind, string> = {
  ...{ added: '+', linked: '+', removed: '-', unlinked: '-', changed: 'M', renamed: 'R' },
}

function line({ kind, type, path, from, content }: DiffEntry): string {
  if (kind === 'renamed') return `R ${shown(from ?? path, type)} -> ${shown(path, type)}`
  const sign = kind === 'changed' && !content ? 'm' : SIGNS[kind]
  return `${sign} ${shown(path, type)}`
}

function asJson(entry: DiffEntry): Record<string, unknown> {
  const { kind, type, path, from, content, attributes, replaced, size } = entry
  return {
    ...{ event: 'change', kind, type: typeName(type), ...jsonPath(path), size },
    ...(from === undefined ? {} : jsonPath(from, 'from', 'fromBase64')),
    ...(kind === 'changed' ? { content, attributes, replaced } : {}),
  }
}

/** On a terminal; what reads the lines elsewhere counts for itself. */
function summarize({ io, json, warn }: Context, counts: ReadonlyMap<DiffKind, number>): void {
  if (json || !io.stdout.isTTY) return
  const told = [...counts].map(([kind, times]) => `${count(times)} ${kind}`)
  warn(told.length === 0 ? 'nothing changed' : told.join(', '))
}
