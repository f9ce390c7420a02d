import { type LogLevel, type LogMetadata, type Logger } from '@temporalio/worker';
import { pino, type Logger as Pino } from 'pino';

/** JSON lines to a file descriptor or file. Only the fields named here are written: content of objects never is. */
export function openLog(destination: number | string, level: string): Pino {
  return pino(
    { level, base: {}, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: destination, mkdir: true, sync: true }),
  );
}

const FIELDS = [
  'workflowId',
  'runId',
  'workflowType',
  'activityType',
  'activityId',
  'attempt',
  'taskQueue',
  'durationMs',
  'target',
] as const;

/** Temporal's own log lines in ours. */
export class TemporalLog implements Logger {
  readonly #log: Pino;

  constructor(log: Pino) {
    this.#log = log;
  }

  log(level: LogLevel, message: string, meta?: LogMetadata): void {
    const fields: Record<string, unknown> = {};
    for (const field of FIELDS) if (meta?.[field] !== undefined) fields[field] = meta[field];
    if (meta?.['error'] instanceof Error) fields['error'] = meta['error'].message;
    this.#log[level.toLowerCase() as 'trace' | 'debug' | 'info' | 'warn' | 'error'](fields, message);
  }

  trace(message: string, meta?: LogMetadata): void {
    this.log('TRACE', message, meta);
  }
  debug(message: string, meta?: LogMetadata): void {
    this.log('DEBUG', message, meta);
  }
  info(message: string, meta?: LogMetadata): void {
    this.log('INFO', message, meta);
  }
  warn(message: string, meta?: LogMetadata): void {
    this.log('WARN', message, meta);
  }
  error(message: string, meta?: LogMetadata): void {
    this.log('ERROR', message, meta);
  }
}
