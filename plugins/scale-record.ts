import type { Json, JsonObject } from '../contracts/json.ts';
import { parseLossless } from '../domain/json/lossless.ts';
import { field, textAt } from '../domain/resource/fields.ts';
import { SCALED_DOWN } from '../domain/volume/scaled-down.ts';
import { annotation } from './annotations.ts';

interface ScaleRecord {
  readonly run: string;
  readonly replicas: number;
}

/** Undefined when there is none, or none that can be read. */
export function readRecord(workload: JsonObject): ScaleRecord | undefined {
  const record = parse(annotation(workload, SCALED_DOWN));
  const run = textAt(record, 'run');
  const replicas = field(record, 'replicas');
  return run !== '' && typeof replicas === 'number' ? { run, replicas } : undefined;
}

export function writeRecord({ run, replicas }: ScaleRecord): string {
  return JSON.stringify({ run, replicas });
}

/** As Kubernetes has it: 1 when the object does not say. */
export function replicasOf(workload: JsonObject): number {
  const replicas = field(workload, 'spec', 'replicas');
  return typeof replicas === 'number' ? replicas : 1;
}

function parse(text: string): Json {
  try {
    return text === '' ? null : parseLossless(text);
  } catch {
    return null;
  }
}
