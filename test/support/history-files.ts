import proto from '@temporalio/proto';

const { History } = proto.temporal.api.history.v1;

/** Readable JSON of a history: enums by name, numbers of 64 bits and bytes as text, and nothing of the machine that recorded it. */
export function historyToText(history: proto.temporal.api.history.v1.IHistory): string {
  const plain = History.toObject(History.fromObject(history), { longs: String, enums: String, bytes: String });
  return `${JSON.stringify(plain, (key, value: unknown) => withoutMachine(key, value), 1)}\n`;
}

/** Processes are named after their host, and stack traces name files: replay needs neither. */
function withoutMachine(key: string, value: unknown): unknown {
  if (key === 'identity') return 'recorder';
  if (key !== 'encodedAttributes' || typeof value !== 'object' || value === null || !('data' in value)) return value;
  const attributes = JSON.parse(Buffer.from(String(value.data), 'base64').toString('utf8')) as Record<string, unknown>;
  return { ...value, data: Buffer.from(JSON.stringify({ ...attributes, stack_trace: '' })).toString('base64') };
}

export function historyFromText(text: string): proto.temporal.api.history.v1.History {
  return History.fromObject(JSON.parse(text) as Record<string, unknown>);
}
