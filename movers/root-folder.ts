import { chmod, chown, stat } from 'node:fs/promises';

const FORM = /^([0-7]{1,4}):(\d+):(\d+)$/;

/** Mode and owners of a volume's own folder: a database that does not own its folder, or shares it, does not start. */
export async function rootFolder(place: string): Promise<string> {
  const { mode, uid, gid } = await stat(place);
  return `${(mode & 0o7777).toString(8)}:${uid}:${gid}`;
}

/** Gives a folder what `rootFolder` said; nothing when it said nothing. Rejects with the system's error when that is not allowed. */
export async function setRootFolder(place: string, text: string | undefined): Promise<void> {
  const [, mode = '', uid, gid] = FORM.exec(text ?? '') ?? [];
  if (mode === '') return;
  const now = await stat(place);
  if (now.uid !== Number(uid) || now.gid !== Number(gid)) await chown(place, Number(uid), Number(gid));
  await chmod(place, Number.parseInt(mode, 8));
}
