import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { historyToText } from '../test/support/history-files.ts';
import { recordings } from '../test/support/recordings.ts';
import { startWorkflowEnv } from '../test/support/workflow-env.ts';

/**
 * Records one history for every path of every workflow, with a real server and scripted activities, for test/replay. Run it for a new
 * version or a new path: \`node scripts/record-histories.ts VERSION\`. A history that exists is never written again: replaying it is the
 * proof that running workflows survive a change of code.
 */
const version = process.argv[2];
if (version === undefined) {
  console.error('usage: node scripts/record-histories.ts VERSION');
  process.exit(2);
}
const env = await startWorkflowEnv();
try {
  for (const { workflow, path, input, activities, during } of recordings()) {
    const folder = join(import.meta.dirname, '..', 'test', 'replay', 'histories', workflow);
    await mkdir(folder, { recursive: true });
    const history = await env.run({ workflow, input, activities }, async (handle) => {
      await during(handle);
      return handle.fetchHistory();
    });
    const file = join(folder, `${version}-${path}.json`);
    await writeFile(file, historyToText(history), { flag: 'wx' }).then(
      () => {
        console.log(`recorded ${file}`);
      },
      () => {
        console.log(`kept ${file}`);
      },
    );
  }
} finally {
  await env.stop();
}
