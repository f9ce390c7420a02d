import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { runInNode } from './enter-node.ts';
import type { NodePlace } from './node-place.ts';

/** A container image of one layer. */
export interface Image {
  /** With a tag that is not `latest`, so that kubelet does not look for a registry. */
  readonly name: string;
  readonly entrypoint: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** `uid:gid`, in numbers; default root. */
  readonly user?: string;
  readonly workingFolder?: string;
  /** Fills an empty folder with the image's files; owners and modes are kept. */
  readonly fill: (root: string) => Promise<void>;
}

const run = promisify(execFile);
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Builds the image without any registry and gives it to the node's containerd, in place of one of the same name. */
export async function loadImage(place: NodePlace, image: Image): Promise<void> {
  const images = join(place.folder, 'images');
  await mkdir(images, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(images, 'image-'));
  try {
    const archive = await buildImage(image, folder);
    await runInNode(place, ['ctr', '--namespace', 'k8s.io', 'images', 'import', '--no-unpack', archive]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Packs an image as the archive that `docker save` writes and `ctr images import` reads: manifest.json, the configuration and the layer. The
 * same files make the same image, whenever they were written. Needs an empty folder; returns the archive's path in it.
 */
export async function buildImage(image: Image, folder: string): Promise<string> {
  const root = join(folder, 'root');
  const parts = join(folder, 'parts');
  for (const made of [root, parts]) await mkdir(made, { mode: 0o755 });
  await image.fill(root);
  await tar(join(parts, 'layer.tar'), root, ['.']);
  const config = JSON.stringify(configuration(image, await sha256(join(parts, 'layer.tar'))));
  await writeFile(join(parts, 'config.json'), config);
  const manifest = [{ Config: 'config.json', RepoTags: [`docker.io/${image.name}`], Layers: ['layer.tar'] }];
  await writeFile(join(parts, 'manifest.json'), JSON.stringify(manifest));
  const archive = join(folder, 'image.tar');
  await tar(archive, parts, ['manifest.json', 'config.json', 'layer.tar']);
  return archive;
}

/** Puts a file into an image's folder under its path on this machine or another one, following symbolic links. */
export async function copyInto(root: string, file: string, to: string = file): Promise<void> {
  const target = join(root, to);
  await mkdir(dirname(target), { recursive: true });
  await run('cp', ['--dereference', '--preserve=mode', file, target]);
}

function configuration(image: Image, layer: string): object {
  return {
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: 'linux',
    config: {
      Entrypoint: image.entrypoint,
      Env: Object.entries(image.environment ?? {}).map(([name, value]) => `${name}=${value}`),
      User: image.user ?? '',
      WorkingDir: image.workingFolder ?? '/',
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
    history: [{ created_by: 'holdfast sandbox' }],
  };
}

async function tar(archive: string, folder: string, names: readonly string[]): Promise<void> {
  const same = ['--sort=name', '--mtime=@0', '--numeric-owner', '--format=posix', '--pax-option=delete=atime,delete=ctime'];
  await run('tar', ['--create', `--file=${archive}`, `--directory=${folder}`, ...same, ...names]);
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
