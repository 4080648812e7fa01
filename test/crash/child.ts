/**
 * The server that is killed. It loads, says `loaded`, and serves once it is told which folder: so
 * that a kill soon after can hit it anywhere in its start.
 */
import { startServer } from '../../src/server.ts'
import type { FromServer, ToServer } from './server.ts'

const tell = (message: FromServer): void => void process.send?.(message)

process.once('message', async ({ directory, checkpointLimits }: ToServer) => {
  const serving = await startServer({
    ...{ directory, checkpointLimits, listen: ['127.0.0.1'], port: 0, mountPort: undefined },
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
