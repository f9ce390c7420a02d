import { STAGING } from './put-back-path.ts';

/**
 * What is run in the pod for one entry that is put into the volume of the working folder, with its content as input: kind, bytes of the content,
 * name of the file ('' for a tar), and the folders down to it, each an argument. Everything is made aside and moved into its place, so that a
 * link which lies there is replaced and never written through. It reads so many bytes and no end: older API servers do not pass that on.
 */
export const PUT_BACK_SCRIPT = `set -e
kind=$1 bytes=$2 name=$3; shift 3
fail() { echo "$1" >&2; exit 1; }
root=$(pwd -P)
staging=$root/${STAGING}
rm -rf "$staging"
for part; do
  if [ ! -e "./$part" ] && [ ! -L "./$part" ]; then
    [ "$kind" != absent ] || exit 0
    mkdir -m 700 "./$part"
    chown "$(stat -c %u:%g .)" "./$part"
  fi
  cd -P "./$part" 2>/dev/null || fail "$part: is no folder"
  case $(pwd -P)/ in "$root"/*) ;; *) fail "$part: leads out of the volume" ;; esac
done
here=$(pwd -P)
owner=$(stat -c %u:%g .)
if [ "$kind" != tar ] && [ -d "./$name" ] && [ ! -L "./$name" ]; then fail "$name: is a folder"; fi
if [ "$kind" = absent ]; then rm -f "./$name"; exit 0; fi
trap 'rm -rf "$staging"' EXIT
mkdir -m 700 "$staging" "$staging/in"
if [ "$kind" = file ]; then
  head -c "$bytes" >"$staging/in/$name"
  chmod 600 "$staging/in/$name"
else
  head -c "$bytes" | tar -x -p -o -f - -C "$staging/in"
fi
cd "$staging/in"
chown -R -h "$owner" .
find . -mindepth 1 -type d -exec sh -c 'here=$1; shift
  for folder; do
    to=$here/$folder
    if [ -L "$to" ]; then echo "$folder: is a link" >&2; exit 1; fi
    [ -d "$to" ] || mkdir "$to" || exit 1
    chown "$(stat -c %u:%g "$folder")" "$to" && chmod "$(stat -c %a "$folder")" "$to" || exit 1
  done' holdfast "$here" {} +
find . ! -type d -exec sh -c 'here=$1; shift
  for file; do
    if [ -d "$here/$file" ] && [ ! -L "$here/$file" ]; then echo "$file: is a folder" >&2; exit 1; fi
    rm -f "$here/$file" && mv "$file" "$here/$file" || exit 1
  done' holdfast "$here" {} +
`;
