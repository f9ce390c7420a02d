import { startTemporal } from '../../sandbox/temporal-server.ts';

/** A process that uses the Temporal server of the folder `argv[2]`, prints its address, and waits to be killed. */
const server = await startTemporal({ folder: process.argv[2] ?? '', lease: { pid: process.pid } });
process.stdout.write(server.address);
setInterval(() => undefined, 1_000);
