import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { textAt } from '../../domain/resource/fields.ts';

/**
 * Runs a client of MariaDB or MySQL, whichever the image has, as the administrator that the image was set up with. The password is taken from
 * the container's own environment, or from the file that it names, and goes through the environment: it is never an argument.
 * $1 user or '', $2 name of the password's variable or '', $3 and $4 MariaDB's and MySQL's name of the program.
 */
const SCRIPT = `
value_of() { eval "v=\\\${$1:-}; f=\\\${$1_FILE:-}"; if [ -n "$v" ]; then printf %s "$v"; elif [ -r "$f" ]; then cat "$f"; fi; }
user=\${1:-root} names=\${2:-MARIADB_ROOT_PASSWORD MYSQL_ROOT_PASSWORD MARIADB_MASTER_ROOT_PASSWORD MYSQL_MASTER_ROOT_PASSWORD}
program=$(command -v "$3" || command -v "$4") || { echo "neither $3 nor $4 is in the image" >&2; exit 127; }
shift 4
for name in $names; do
  [ -n "\${MYSQL_PWD:-}" ] || MYSQL_PWD=$(value_of "$name")
done
if [ -n "$MYSQL_PWD" ]; then export MYSQL_PWD; else unset MYSQL_PWD; fi
# MySQL's own program would write down which transactions it has, and refuse to load that where there are others.
case $program in *dump) if "$program" --help 2>/dev/null | grep -q set-gtid-purged; then set -- "$@" --set-gtid-purged=OFF; fi;; esac
exec "$program" --user="$user" --default-character-set=utf8mb4 "$@"
`;

type Program = 'client' | 'dump';

const NAMES = { client: ['mariadb', 'mysql'], dump: ['mariadb-dump', 'mysqldump'] } as const;

/** The words of a client command in the task's container. */
export function clientCommand({ settings }: QuiesceTask, program: Program, words: readonly string[]): readonly string[] {
  return ['sh', '-c', SCRIPT, 'holdfast', textAt(settings, 'user'), textAt(settings, 'passwordEnv'), ...NAMES[program], ...words];
}
