import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { FailureType, HoldfastError } from '../contracts/failures.ts';

/** How to reach a Temporal server. */
export interface TemporalAddress {
  readonly connection: NativeConnectionOptions;
  readonly address: string;
  readonly namespace: string;
}

/**
 * The server that the user configured by Temporal's own rules (`TEMPORAL_ADDRESS`, `TEMPORAL_PROFILE`, temporal.toml), or undefined: then
 * the embedded one is used. A configuration that cannot be read is `BadInput`.
 */
export function configuredTemporal(): TemporalAddress | undefined {
  const { connectionOptions, namespace } = readConfiguration();
  if (!connectionOptions.address) return undefined;
  return { connection: connectionOptions, address: connectionOptions.address, namespace: namespace ?? 'default' };
}

function readConfiguration(): ReturnType<typeof loadClientConnectConfig> {
  try {
    return loadClientConnectConfig();
  } catch (error) {
    throw new HoldfastError(FailureType.BadInput, `Temporal's configuration cannot be read: ${(error as Error).message}`, {
      advice: 'check TEMPORAL_PROFILE and the file that TEMPORAL_CONFIG_FILE names: it needs a [profile.NAME]',
      cause: error,
    });
  }
}
