import { afterAll, expect, it } from '@jest/globals';
import { TestPlace } from '../support/place.ts';
import { openLane } from '../support/proxied.ts';
import { createWorkload } from '../support/workload.ts';
import { readFileSync } from 'node:fs';
let place: TestPlace;
const t0 = performance.now();
const say = (text: string) => process.stderr.write(`${Math.round(performance.now() - t0)} ${text} cpu=${JSON.stringify(process.cpuUsage())}\n`);
const cpu = (pid: number) => { const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' '); return (Number(f[11]) + Number(f[12])) / 100; };
afterAll(() => place.close());
it('times', async () => {
  place = await TestPlace.open({ s3: true });
  say('open');
  await createWorkload(place, 'shop', { configMaps: 1050, secrets: 430 });
  say('workload');
  const lane = await openLane(place, 'a');
  say('lane');
  const worker = await place.startWorker({ kubeconfig: lane.kubeconfig, contexts: ['a'] });
  say(`worker ${cpu(worker.child.pid!)}`);
  let before = lane.requests();
  const b = await place.backup('backup', { cluster: 'a', location: 'a', namespaces: ['shop'] });
  say(`backup ${b.elapsedMs} requests ${lane.requests() - before} ${JSON.stringify(b.result?.steps.map((s) => [s.step, s.durationMs]))} ${cpu(worker.child.pid!)}`);
  for (const name of ['x', 'y']) {
    before = lane.requests();
    const s3 = lane.storage.requests;
    const r = await place.restore(name, { backup: 'backup', cluster: 'a', location: 'a', namespaceMapping: { shop: name } });
    say(`restore ${r.elapsedMs} requests ${lane.requests() - before} s3 ${lane.storage.requests - s3} ${JSON.stringify(r.result?.steps.map((s) => [s.step, s.durationMs]))} ${cpu(worker.child.pid!)} ${JSON.stringify(r.result?.phase)}`);
  }
  await lane.stop();
  expect(1).toBe(1);
});
