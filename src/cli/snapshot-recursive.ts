/** `zerofs-nfs snapshot create|delete --recursive` */
import type { DeletionRequest, Operations } from '../control/operations.ts'
import type { DatasetSnapshot } from '../control/recursive.ts'
import type { Context } from './context.ts'
import { abortable, Exit, UsageError } from './errors.ts'
import type { Given, OptionSpec } from './options.ts'
import { Progress } from './progress.ts'
import { freeingText } from './snapshot-text.ts'
import { columns, counted, isoTime, localTime, size } from './text.ts'

export const RECURSIVE: OptionSpec = {
  name: 'recursive',
  short: 'r',
  about: 'in all datasets, in one instant: all of it or nothing',
}

/** @throws UsageError where one dataset is named too */
export function isRecursive(given: Given): boolean {
  if (!given.flag('recursive') || given.value('dataset') === undefined)
    return given.flag('recursive')
  throw new UsageError('--recursive is about all datasets, --dataset about one: give one of them')
}

const INTERRUPTED = 'interrupted; a deletion that has begun goes on by itself'

const shown = (dataset: string) => (dataset === '' ? '/' : dataset)

export async function createEverywhere(
  context: Context,
  given: Given,
  { recursive }: Operations,
): Promise<number> {
  const [name = ''] = given.args
  const made = await recursive.create(name, given.value('comment') ?? '', given.values('tag'))
  for (const { dataset } of made.snapshots) context.print(shown(dataset))
  const of = counted(made.snapshots.length, 'dataset')
  context.print(`snapshot '${made.name}' of ${of} made at ${localTime(made.created)}`)
  const { comment, tags, snapshots } = made
  const created = isoTime(made.created)
  context.printJson({ name: made.name, created, comment, tags, snapshots: snapshots.map(json) })
  return Exit.OK
}

export async function deleteEverywhere(
  context: Context,
  request: DeletionRequest,
  { recursive }: Operations,
  signal: AbortSignal,
): Promise<number> {
  const progress = new Progress(context)
  const asked = recursive.delete(request, (freeing) => {
    if (!context.json) progress.update(() => ({ text: freeingText(freeing), json: {} }))
  })
  const { snapshots, bytes } = await abortable(signal, asked, INTERRUPTED)
  progress.end()
  const rows = snapshots.map(({ dataset, name }) => [shown(dataset), name])
  for (const line of columns(rows)) context.print(line)
  const which = counted(snapshots.length, 'snapshot')
  const list = snapshots.map(json)
  if (request.dryRun) {
    context.print(`deleting ${which} would free ${size(bytes)}`)
    context.printJson({ wouldDelete: list, wouldFreeBytes: bytes })
  } else if (request.background) {
    context.print(`${which} deleted; 'zerofs-nfs status' tells what is still being freed`)
    context.printJson({ deleted: list })
  } else {
    context.print(`${which} deleted, ${size(bytes)} freed`)
    context.printJson({ deleted: list, freedBytes: bytes })
  }
  return Exit.OK
}

const json = ({ dataset, id, name }: DatasetSnapshot) => ({ dataset, id, name })
