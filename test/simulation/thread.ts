/** One of the threads that histories are spread over: runs the seeds that it is sent. */
import { parentPort } from 'node:worker_threads'
import { runHistory, type Outcome } from './history.ts'
import { tallyOf, type Report, type Seeds } from './seeds.ts'

const run = async ({ first, last }: Seeds): Promise<Report> => {
  const outcomes: Outcome[] = []
  for (let seed = first; seed <= last; seed += 1) outcomes.push(await runHistory(seed))
  return { ...tallyOf(outcomes), bad: outcomes.filter(({ complaints }) => complaints.length > 0) }
}

parentPort?.on('message', (seeds: Seeds) => {
  void run(seeds).then((report) => parentPort?.postMessage(report))
})
