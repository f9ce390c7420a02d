import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient, generateBlobSASQueryParameters, StorageSharedKeyCredential } from '@azure/storage-blob';
import { AzureStore } from '../../storage/azure.ts';
import { status, type Fault } from './fault-rules.ts';
import { startTestAzure } from './sandbox-env.ts';
import { BUCKET, type StorageServer } from './storage-server.ts';

const HOUR_MS = 3_600_000;

export interface AzureStorage extends StorageServer {
  /** The same container, reached with tokens of which the latest alone is good. */
  withTokens(): Promise<TokenAccess>;
}

export interface TokenAccess {
  readonly server: StorageServer;
  /** From now on the server refuses the token that the location has. */
  readonly revoke: () => Promise<void>;
  /** Puts a good token where the location has it from. */
  readonly renew: () => Promise<void>;
}

/** Azure's blobs with a container. */
export async function startAzureStorage(): Promise<AzureStorage> {
  const server = await startTestAzure();
  const { endpoint, account, accountKey } = server;
  const credential = new StorageSharedKeyCredential(account, accountKey);
  const container = new BlobServiceClient(endpoint, credential).getContainerClient(BUCKET);
  await container.create();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-azure-key-'));
  const keyFile = join(folder, 'account.key');
  await writeFile(keyFile, accountKey);
  const storage: StorageServer = {
    scheme: 'azblob',
    origin: new URL(endpoint).origin,
    writes: 'PUT',
    says: {
      slowDown: refusal(503, 'ServerBusy', { 'retry-after': '1' }),
      forbidden: refusal(403, 'AuthorizationPermissionMismatch'),
      expired: refusal(403, 'AuthenticationFailed'),
      gone: refusal(404, 'ContainerNotFound'),
    },
    access: (name, origin) => ({
      url: `azblob://${BUCKET}/${name}`,
      endpoint: `${origin}/${account}`,
      account,
      accountKey: { file: keyFile },
    }),
    open: (name, origin = new URL(endpoint).origin) =>
      new AzureStore({ bucket: BUCKET, prefix: `${name}/` }, { endpoint: `${origin}/${account}`, account, accountKey }),
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  const withTokens = async (): Promise<TokenAccess> => {
    const tokenFile = join(folder, 'token');
    let policy = 0;
    const nextPolicy = async (): Promise<void> => {
      policy += 1;
      const accessPolicy = { startsOn: new Date(Date.now() - HOUR_MS), expiresOn: new Date(Date.now() + HOUR_MS), permissions: 'racwdl' };
      await container.setAccessPolicy(undefined, [{ id: `policy-${String(policy)}`, accessPolicy }]);
    };
    const renew = async (): Promise<void> => {
      const token = generateBlobSASQueryParameters({ containerName: BUCKET, identifier: `policy-${String(policy)}` }, credential);
      await writeFile(tokenFile, token.toString());
    };
    await nextPolicy();
    await renew();
    const access: StorageServer['access'] = (name, origin) => ({
      url: `azblob://${BUCKET}/${name}`,
      endpoint: `${origin}/${account}`,
      sasToken: { file: tokenFile },
    });
    return { server: { ...storage, access }, revoke: nextPolicy, renew };
  };
  return { ...storage, withTokens };
}

function refusal(code: number, reason: string, headers: Readonly<Record<string, string>> = {}): Fault {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${reason}</Code><Message>no</Message></Error>`;
  return status(code, { 'content-type': 'application/xml', 'x-ms-error-code': reason, ...headers }, body);
}
