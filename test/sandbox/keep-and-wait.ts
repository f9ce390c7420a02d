import { addProcessLease } from '../../sandbox/leases.ts';
import { leasesFolder, startKept } from '../../sandbox/process-keeper.ts';

/** A process that keeps a `sleep` for itself in the folder given as argument, says so, and waits to be killed. */
const folder = process.argv[2] ?? '';
await addProcessLease(leasesFolder(folder), process.pid);
await startKept({ folder, name: 'sleeper', command: 'sleep', arguments: ['600'], environment: {}, stopSeconds: 5 });
process.stdout.write('started\n');
setInterval(() => undefined, 1_000);
