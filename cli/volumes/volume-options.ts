import { InvalidArgumentError, Option, type Command } from 'commander';
import type { VolumeRequest, VolumeRestoreRequest } from '../../contracts/volume.ts';
import { pluginOption, type PluginOptions } from './plugin-options.ts';
import { readVolumePolicy } from './policy-file.ts';

export interface VolumeCaptureOptions {
  readonly volumes: boolean;
  /** Velero's word for it. */
  readonly snapshotVolumes?: boolean;
  readonly volumePolicy?: string;
  readonly volumeConcurrency: number;
  readonly volumeConcurrencyPerNode: number;
  readonly hooks?: string;
}

export function withVolumeCapture(command: Command): Command {
  return command
    .option('--no-volumes', 'take the claims without the data of their volumes')
    .addOption(
      new Option('--snapshot-volumes [yes]', 'false: the same, as Velero spells it').argParser((text) => text !== 'false').hideHelp(),
    )
    .option('--volume-policy <file>', 'how each volume is captured: rules by class, driver, size, label ... (see docs/volumes.md)')
    .option('--hooks <file>', 'commands to run in pods before and after their capture, as in spec.hooks of a Velero Backup')
    .option('--volume-concurrency <number>', 'volumes that are read at the same time', positive, 4)
    .option('--volume-concurrency-per-node <number>', 'of these, on one node', positive, 2);
}

/** Undefined: the backup leaves volumes alone. */
export async function volumeRequestOf(options: VolumeCaptureOptions): Promise<VolumeRequest | undefined> {
  if (!options.volumes || options.snapshotVolumes === false) return undefined;
  return {
    policy: options.volumePolicy === undefined ? { rules: [] } : await readVolumePolicy(options.volumePolicy),
    concurrency: options.volumeConcurrency,
    concurrencyPerNode: options.volumeConcurrencyPerNode,
  };
}

export interface VolumeRestoreOptions {
  readonly volumes: boolean;
  /** Velero's word for it. */
  readonly restoreVolumes?: boolean;
  readonly inPlace: boolean;
  readonly checksum: boolean;
  readonly pluginOption: PluginOptions;
  readonly volumeConcurrency: number;
}

export function withVolumeRestore(command: Command): Command {
  return command
    .option('--no-volumes', 'restore the claims without the data of their volumes')
    .addOption(
      new Option('--restore-volumes [yes]', 'false: the same, as Velero spells it').argParser((text) => text !== 'false').hideHelp(),
    )
    .option('--in-place', 'also restore into volumes that hold data: what they hold now is lost', false)
    .option('--checksum', 'read restored volumes back and compare every byte with the backup', false)
    .option(
      '--plugin-option <plugin.name=value>',
      'how a plugin brings its application back (repeatable; see docs/plugins.md)',
      pluginOption,
      {},
    )
    .option('--volume-concurrency <number>', 'volumes that are written at the same time', positive, 4);
}

/** Undefined: the restore leaves volumes alone. */
export function volumeRestoreOf(options: VolumeRestoreOptions): VolumeRestoreRequest | undefined {
  if (!options.volumes || options.restoreVolumes === false) return undefined;
  return { inPlace: options.inPlace, checksum: options.checksum, concurrency: options.volumeConcurrency };
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('write a number from 1 to 9999');
  return Number(text);
}
