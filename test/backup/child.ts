/** A process that backs a store up, and kills itself: `child.ts STORE DIR PHASE`. */
import { backUp } from '../../src/backup/backup.ts'
import { withVolumeOf } from '../check/scene.ts'

const [store = '', directory = '', deadly = ''] = process.argv.slice(2)

await withVolumeOf(store, (volume) =>
  backUp(volume.backupHost, { directory, bytesPerSecond: 0 }, ({ phase }) => {
    if (phase === deadly) process.kill(process.pid, 'SIGKILL')
  }),
)
