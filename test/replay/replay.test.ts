import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bundleWorkflowCode, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js';
import * as workflows from '../../workflows/index.ts';
import { dataConverter, FAILURE_CONVERTER_PATH } from '../../workers/data-converter.ts';
import { installRuntime } from '../../workers/run-worker.ts';
import { cacheFolder } from '../../sandbox/state-folder.ts';
import { workflowBundle } from '../../workers/workflow-bundle.ts';
import { historyFromText } from '../support/history-files.ts';
import { recordings } from '../support/recordings.ts';

const HISTORIES = join(import.meta.dirname, 'histories');
let folder: string;
let bundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-test-replay-'));
  installRuntime(join(folder, 'worker.log'), 'fatal');
  bundle = await workflowBundle(cacheFolder());
});
afterAll(async () => {
  // Replay runs workflows in this process and watches every promise of it: what jest runs here next must not be watched.
  globalHandlers.uninstall();
  await rm(folder, { recursive: true, force: true });
});

async function replay(code: { code: string }, history: unknown): Promise<Error | undefined> {
  const histories = [{ workflowId: 'recorded', history }];
  for await (const { error } of Worker.runReplayHistories({ workflowBundle: code, dataConverter: dataConverter(undefined) }, histories)) {
    return error;
  }
  throw new Error('nothing was replayed');
}

async function recorded(): Promise<readonly { readonly workflow: string; readonly file: string; readonly history: unknown }[]> {
  const found = [];
  for (const workflow of await readdir(HISTORIES)) {
    for (const file of await readdir(join(HISTORIES, workflow))) {
      found.push({ workflow, file, history: historyFromText(await readFile(join(HISTORIES, workflow, file), 'utf8')) });
    }
  }
  return found;
}

describe('recorded histories', () => {
  it('still replay, every one of them', async () => {
    const failures: string[] = [];
    for (const { workflow, file, history } of await recorded()) {
      const error = await replay(bundle, history);
      if (error) failures.push(`${workflow}/${file}: ${error.message}`);
    }
    expect(failures).toEqual([]);
  });

  it('cover every workflow, and every path that can be recorded', async () => {
    const paths = (await recorded()).map(({ workflow, file }) => `${workflow} ${file.replace(/^[0-9.]+-/, '')}`);
    expect(new Set((await recorded()).map(({ workflow }) => workflow))).toEqual(new Set(Object.keys(workflows)));
    for (const { workflow, path } of recordings()) expect(paths).toContain(`${workflow} ${path}.json`);
  });

  it('catch a change that is not deterministic', async () => {
    const broken = await bundleWorkflowCode({
      workflowsPath: join(import.meta.dirname, 'broken-workflows.ts'),
      failureConverterPath: FAILURE_CONVERTER_PATH,
    });
    const history = (await recorded()).find(
      ({ workflow, file }) => workflow === 'backupProject' && file.endsWith('-completed.json'),
    )?.history;
    expect((await replay(broken, history))?.name).toBe('DeterminismViolationError');
  });
});
