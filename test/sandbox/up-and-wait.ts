import { upSandbox } from '../../sandbox/control-plane.ts';

/** A process for which the sandbox `argv[2]` in the state folder `argv[3]` runs, with a node; says `up`, and waits to be killed. */
const [, , name = '', state = ''] = process.argv;
await upSandbox({ name, state, withNode: true, lifetime: 'process' });
process.stdout.write('up\n');
setInterval(() => undefined, 60_000);
