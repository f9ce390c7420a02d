import { resolveTools } from '../../sandbox/resolve-tools.ts';
import type { ToolName } from '../../sandbox/tool-catalogue.ts';

/** A process that resolves the tools given as arguments with the environment it got, and prints their paths as JSON. */
const found = await resolveTools(process.argv.slice(2) as ToolName[]);
process.stdout.write(JSON.stringify(Object.fromEntries(found)));
