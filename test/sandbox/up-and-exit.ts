import { upSandbox } from '../../sandbox/control-plane.ts';

/** A process that brings up the sandbox `argv[2]` in the state folder `argv[3]`, prints every event, then the result, and ends. */
const [, , name = '', state = ''] = process.argv;
const progress = (event: unknown) => process.stdout.write(`${JSON.stringify(event)}\n`);
const sandbox = await upSandbox({ name, state, progress });
process.stdout.write(`${JSON.stringify(sandbox)}\n`);
