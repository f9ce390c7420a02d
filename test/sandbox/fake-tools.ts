import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** An executable that answers with `says`, whatever it is asked. */
export async function fakeTool(folder: string, name: string, says = ''): Promise<string> {
  return script(folder, name, `echo '${says}'`);
}

/**
 * A `go` whose build takes `seconds` and makes a script for every package. Each run adds its arguments to `<folder>/go.log` and its pid to
 * `<folder>/go.pids`.
 */
export async function fakeGo(folder: string, options: { seconds?: number; fails?: string } = {}): Promise<string> {
  const { seconds = 0, fails = '' } = options;
  return script(
    folder,
    'go',
    `echo "$@" >>'${folder}/go.log'
echo $$ >>'${folder}/go.pids'
sleep ${seconds}
if [ -n '${fails}' ]; then echo '# package' >&2; echo '${fails}' >&2; exit 1; fi
previous= output=
for argument; do [ "$previous" = -o ] && output=$argument; previous=$argument; done
for argument; do
  case $argument in k8s.io/* | go.etcd.io/* | github.com/*)
    name=\${argument%/v3}
    printf '#!/bin/sh\\necho built\\n' >"$output/\${name##*/}"
    chmod 755 "$output/\${name##*/}" ;;
  esac
done`,
  );
}

/** A `python3` whose pip installs an executable of that name into the folder it is given. It adds its arguments to `<folder>/pip.log`. */
export async function fakePython(folder: string, options: { brings?: string; fails?: string } = {}): Promise<string> {
  const { brings = '', fails = '' } = options;
  return script(
    folder,
    'python3',
    `echo "$@" >>'${folder}/pip.log'
if [ -n '${fails}' ]; then echo 'Collecting' >&2; echo '${fails}' >&2; exit 1; fi
previous= target=
for argument; do [ "$previous" = --target ] && target=$argument; previous=$argument; done
mkdir -p "$target/bin" "$target/package"
[ -z '${brings}' ] || { printf '#!/bin/sh\\necho brought\\n' >"$target/bin/${brings}"; chmod 755 "$target/bin/${brings}"; }`,
  );
}

async function script(folder: string, name: string, body: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(folder, { recursive: true });
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}
