import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { TokenCredential } from '@azure/identity';
import type * as Sdk from '@azure/storage-blob';
import type { AnonymousCredential, ContainerClient, Pipeline, StorageSharedKeyCredential } from '@azure/storage-blob';
import { HoldfastError } from '../contracts/failures.ts';
import type { AzureAccount } from './azure-account.ts';

type Credential = TokenCredential | AnonymousCredential | StorageSharedKeyCredential;

/** How the server itself may read a blob that it is to copy. */
interface CopySource {
  readonly url: string;
  readonly authorization?: { readonly scheme: string; readonly value: string };
}

const COPY_ACCESS_MS = 3_600_000;
const CLOCK_TOLERANCE_MS = 900_000;
const AUDIENCE = 'https://storage.azure.com/.default';

/** The SDK over connections of our own. It takes a while to load, so only those who use Azure load it. */
export class AzureConnection {
  readonly sdk: typeof Sdk;
  readonly #account: AzureAccount;
  readonly #credential: Credential;
  readonly #pipeline: Pipeline;
  readonly #agents: readonly [HttpAgent, HttpsAgent];

  constructor(sdk: typeof Sdk, made: { account: AzureAccount; credential: Credential; agents: readonly [HttpAgent, HttpsAgent] }) {
    this.sdk = sdk;
    this.#account = made.account;
    this.#credential = made.credential;
    this.#agents = made.agents;
    // Attempts are counted in one place only, storage/with-retry.ts.
    this.#pipeline = sdk.newPipeline(made.credential, { retryOptions: { maxTries: 1 } });
    this.#pipeline.factories.unshift({
      create: (next) => ({
        sendRequest: (request) => {
          request.agent ??= this.#agents[request.url.startsWith('http://') ? 0 : 1];
          return next.sendRequest(request);
        },
      }),
    });
  }

  container(name: string): ContainerClient {
    const { endpoint, secret } = this.#account;
    const query = secret.kind === 'sas' ? `?${secret.token}` : '';
    return new this.sdk.ContainerClient(`${endpoint}/${name}${query}`, this.#pipeline);
  }

  /** Access to one blob for the server: a signature for an hour, the location's own SAS token, or a token of our identity. */
  async copySource(containerName: string, blobName: string): Promise<CopySource> {
    const { url } = this.container(containerName).getBlobClient(blobName);
    const credential = this.#credential;
    if ('getToken' in credential) {
      const token = await credential.getToken(AUDIENCE);
      return { url, authorization: { scheme: 'Bearer', value: token?.token ?? '' } };
    }
    if (!(credential instanceof this.sdk.StorageSharedKeyCredential)) return { url };
    const now = Date.now();
    const signature = this.sdk.generateBlobSASQueryParameters(
      {
        containerName,
        blobName,
        permissions: this.sdk.BlobSASPermissions.parse('r'),
        startsOn: new Date(now - CLOCK_TOLERANCE_MS),
        expiresOn: new Date(now + COPY_ACCESS_MS),
      },
      credential,
    );
    return { url: `${url}?${signature.toString()}` };
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }
}

/** Sends nothing yet. A CA file that cannot be read is `BadInput`. */
export async function connectAzure(account: AzureAccount, caFile: string | undefined): Promise<AzureConnection> {
  const sdk = await import('@azure/storage-blob');
  const settings = { keepAlive: true, maxSockets: 64 };
  const ca = caFile === undefined ? {} : { ca: await readCa(caFile) };
  const agents = [new HttpAgent(settings), new HttpsAgent({ ...settings, ...ca })] as const;
  return new AzureConnection(sdk, { account, credential: await credentialOf(sdk, account), agents });
}

async function credentialOf(sdk: typeof Sdk, { secret }: AzureAccount): Promise<Credential> {
  if (secret.kind === 'sas') return new sdk.AnonymousCredential();
  if (secret.kind === 'key') return new sdk.StorageSharedKeyCredential(secret.account, secret.key);
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential();
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new HoldfastError('BadInput', `the CA file ${path} cannot be read`, { advice: 'correct the path in the location', cause });
  }
}
