import type { SandboxPaths } from '../state-folder.ts';
import { loadImage, type Image } from './image-archive.ts';
import { mariadbImage } from './mariadb-image.ts';
import { readNodePlace } from './node-place.ts';
import { postgresImage } from './postgres-image.ts';
import { searchEngineImage } from './search-engine-image.ts';

const IMAGES: Readonly<Record<string, () => Image>> = {
  postgres: postgresImage,
  mariadb: mariadbImage,
  elasticsearch: () => searchEngineImage('elasticsearch'),
  opensearch: () => searchEngineImage('opensearch'),
};

/** Servers whose images a node can be given. They are made from what this machine has. */
export const SERVER_IMAGES: readonly string[] = Object.keys(IMAGES);

/** Builds images of servers and gives them to the node; the names that pods call them by. `NotFound` says what is to be installed. */
export async function loadServerImages(paths: SandboxPaths, servers: readonly string[]): Promise<readonly string[]> {
  const place = await readNodePlace(paths);
  const images = servers.flatMap((server) => IMAGES[server]?.() ?? []);
  if (place) for (const image of images) await loadImage(place, image);
  return images.map(({ name }) => name);
}
