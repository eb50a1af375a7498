import { createServer } from 'node:http'
import type { Server } from 'node:http'

/** Says how many CPUs there are, in the way of kube-state-metrics. */
export const capacityServer = (cpus: number): Server =>
  createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    response.end(
      '# TYPE kube_node_status_capacity gauge\n' +
        `kube_node_status_capacity{node="node-1",resource="cpu",unit="core"} ${cpus}\n`,
    )
  })
