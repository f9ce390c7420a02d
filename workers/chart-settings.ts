import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { FailureType, HoldfastError } from '../contracts/failures.ts';
import type { RepositorySettings } from '../helm/repository-client.ts';
import { readSecret, SecretSource } from './secret-sources.ts';

const text = z.string().min(1);

/** A place that keeps charts: `chartRepositories` in the configuration file. */
export const ChartRepositorySettings = z
  .strictObject({
    name: text,
    /** `http(s)://` is a ChartMuseum, `oci://` a registry; charts go below its path. */
    url: z.url({ protocol: /^(https?|oci)$/, error: 'is none of http://, https:// and oci://' }),
    username: text.exactOptional(),
    password: SecretSource.exactOptional(),
    token: SecretSource.exactOptional(),
    /** Certificates of authorities to trust, PEM. */
    caFile: text.exactOptional(),
    /** Certificates are not checked. */
    insecure: z.boolean().exactOptional(),
    /** For a registry without TLS. */
    plainHttp: z.boolean().exactOptional(),
    /** A ChartMuseum's `--context-path`. */
    contextPath: text.exactOptional(),
    /** Charts that are there with other bytes are replaced. */
    force: z.boolean().exactOptional(),
  })
  .refine(({ url }) => URL.parse(url)?.username === '' && URL.parse(url)?.password === '', {
    path: ['url'],
    error: 'has credentials in it: use username and password',
  })
  .refine(({ token, username }) => token === undefined || username === undefined, { error: 'has both a token and a username' });
export type ChartRepositorySettings = z.infer<typeof ChartRepositorySettings>;

/** The settings of one repository with its secrets. They are read when it is used, so that a changed file is found. */
export async function readRepositorySettings(settings: ChartRepositorySettings): Promise<RepositorySettings> {
  const { password, token, caFile, ...plain } = settings;
  const what = `chart repository "${settings.name}"`;
  const secret = async (source: SecretSource): Promise<string> => (await readSecret(source, what)).replace(/\r?\n$/, '');
  return {
    ...plain,
    ...(password === undefined ? {} : { password: await secret(password) }),
    ...(token === undefined ? {} : { token: await secret(token) }),
    ...(caFile === undefined ? {} : { ca: await readAuthorities(caFile, what) }),
  };
}

async function readAuthorities(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw new HoldfastError(FailureType.BadInput, `${what}: ${file} cannot be read (${code})`, {
      advice: 'correct its `caFile`',
      cause: error,
    });
  }
}
