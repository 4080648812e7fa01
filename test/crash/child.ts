/**
 * The server that is killed. It loads, says `loaded`, and serves once it is told which folder: so
 * that a kill soon after can hit it anywhere in its start.
 */
import { startServer } from '../../src/server.ts'
import { Database } from '../../src/store/database.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { PointDisk, Points } from './points.ts'
import type { FromServer, ToArm, ToServer } from './server.ts'

const tell = (message: FromServer): void => void process.send?.(message)

const points = new Points()
const disk = new PointDisk(nodeDisk, points)
// LevelDB has files of its own: what is known of them is when a batch begins, and when it is there.
const write = Database.prototype.write
Database.prototype.write = function (puts) {
  return points.around('database write', () => write.call(this, puts))
}

process.once('message', async ({ directory, checkpointLimits, arming }: ToServer) => {
  points.arm(arming)
  process.on('message', (message: ToArm) => {
    points.arm(message.arming)
    tell({ armed: true })
  })
  const serving = await startServer({
    ...{ directory, disk, checkpointLimits, listen: ['127.0.0.1'], port: 0, mountPort: undefined },
    ...{ portmap: 'off', durability: 'sync', version: 'crash' },
    report: (message, error) => tell({ problem: `${message}: ${String(error)}` }),
  })
  process.once('SIGTERM', () => {
    void serving.stop().then(() => process.disconnect())
  })
  tell({ addresses: serving.addresses, recovered: serving.recovered })
})
// Nobody waits for a server whose parent is gone.
process.once('disconnect', () => process.exit())
tell({ loaded: true })
