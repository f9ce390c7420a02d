import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { movedData } from '../../movers/move-result.ts';
import type { BackupTask } from '../../movers/port.ts';
import { ResticOutput } from '../../movers/restic-output.ts';

const SUMMARY =
  '{"message_type":"summary","files_new":1,"files_changed":1,"files_unmodified":5,"dirs_new":2,"dirs_changed":1,"data_added":900,"data_added_packed":700,"total_files_processed":7,"total_bytes_processed":4000,"snapshot_id":"abc"}';
const repository = { url: '/r', password: 'password-canary', environment: { AZURE_ACCOUNT_SAS: 'sas-canary' }, authority: '' };
const task: BackupTask = {
  id: 'a',
  source: { kind: 'folder', path: '/v' },
  volumeMode: 'Filesystem',
  repository,
  host: 'shop/data',
  backup: 'nightly',
};

function read(...lines: readonly string[]): ResticOutput {
  const output = new ResticOutput();
  for (const line of lines) output.take(line);
  return output;
}

describe('output of restic', () => {
  it('says where a backup stands, and where a restore that left out what was there', () => {
    expect(read('{"message_type":"status","total_files":9,"files_done":3,"total_bytes":100,"bytes_done":40}').progress).toEqual({
      filesDone: 3,
      filesTotal: 9,
      bytesDone: 40,
      bytesTotal: 100,
    });
    const restored =
      '{"message_type":"status","total_files":5,"files_restored":2,"files_skipped":3,"total_bytes":50,"bytes_restored":10,"bytes_skipped":30}';
    expect(read(restored).progress).toEqual({ filesDone: 5, filesTotal: 8, bytesDone: 40, bytesTotal: 80 });
  });

  it('becomes the data of a capture', () => {
    expect(movedData({ code: 0, output: read(SUMMARY) }, task)).toEqual({
      kind: 'restic',
      snapshot: 'abc',
      files: 7,
      folders: 3,
      bytes: 4000,
      addedBytes: 700,
    });
  });

  it('names what was not read, at most twenty of it and without secrets', () => {
    const problem = (name: string) =>
      `{"message_type":"error","error":{"message":"no access: sas-canary"},"during":"archival","item":"/${name}"}`;
    const output = read(...Array.from({ length: 30 }, (_, index) => problem(`file-${index}`)), SUMMARY);
    const { unread } = movedData({ code: 3, output }, task);
    expect(unread?.count).toBe(30);
    expect(unread?.examples).toHaveLength(20);
    expect(unread?.examples[0]).toBe('/file-0: no access: ***');
  });

  it('is never complete with the code for incomplete, also when it names nothing', () => {
    expect(movedData({ code: 3, output: read(SUMMARY) }, task).unread?.count).toBe(1);
  });

  it.each([
    ['without a summary', [], 0],
    ['with another code', [SUMMARY], 1],
    ['of a killed process', [SUMMARY], undefined],
    ['of a snapshot that was not written', ['{"message_type":"summary","snapshot_id":""}'], 0],
  ])('%s is no capture', (_, lines, code) => {
    expect(() => movedData({ code, output: read(...lines) }, task)).toThrow(/backup of volume shop\/data/);
  });

  it('counts anew when the lines come again', () => {
    const error = '{"message_type":"error","error":{"message":"no"},"item":"/a"}';
    const output = read(error, SUMMARY);
    output.restart();
    expect(output.summary).toBeUndefined();
    expect(output.progress.filesDone).toBe(7);
    output.take(error);
    expect(output.problems.count).toBe(1);
  });

  it('passes over what it does not know, what was cut and what is no JSON, wherever a line is cut', () => {
    fc.assert(
      fc.property(fc.nat(SUMMARY.length - 1), fc.string(), (end, noise) => {
        const output = read(SUMMARY.slice(0, end), `{"message_type":"from the future","${noise.length}":[]}`, noise, '[]', '{}', 'null');
        expect(output.summary).toBeUndefined();
        output.take(SUMMARY);
        expect(movedData({ code: 0, output }, task).files).toBe(7);
      }),
    );
  });

  it('reads the snapshot that was restored, and what a pod has counted', () => {
    const snapshot =
      '[{"tags":["holdfast","backup=x","root=2770:999:998"],"summary":{"total_files_processed":1,"total_bytes_processed":77}}]';
    expect(read(snapshot)).toMatchObject({ count: { files: 1, bytes: 77 }, rootFolder: '2770:999:998' });
    expect(read('{"message_type":"holdfast_count","files":3,"bytes":9}').count).toEqual({ files: 3, bytes: 9 });
  });
});
