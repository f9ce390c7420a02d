import { textAt } from '../../domain/resource/fields.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';

/**
 * Runs a PostgreSQL client as the superuser that the image was set up with. User, database and password are taken from the container's own
 * environment, or from the files that it names, as the official and Bitnami's images know them; the password goes through the environment and
 * is never an argument. $1 and $2 win over the environment when they are not empty.
 */
const SCRIPT = `
value_of() { eval "v=\\\${$1:-}; f=\\\${$1_FILE:-}"; if [ -n "$v" ]; then printf %s "$v"; elif [ -r "$f" ]; then cat "$f"; fi; }
first_of() { for n; do v=$(value_of "$n"); if [ -n "$v" ]; then printf %s "$v"; return; fi; done; }
user=$1 database=$2; shift 2
admin=$(first_of POSTGRES_POSTGRES_PASSWORD POSTGRESQL_POSTGRES_PASSWORD)
if [ -z "$user" ] && [ -n "$admin" ]; then
  user=postgres; PGPASSWORD=$admin
else
  [ -n "$user" ] || user=$(first_of POSTGRES_USER POSTGRESQL_USERNAME)
  [ -n "\${PGPASSWORD:-}" ] || PGPASSWORD=$(first_of POSTGRES_PASSWORD POSTGRESQL_PASSWORD)
fi
PGUSER=\${user:-postgres}
[ -n "$database" ] || database=$(first_of POSTGRES_DB POSTGRESQL_DATABASE)
PGDATABASE=\${database:-$PGUSER}
if [ -n "$PGPASSWORD" ]; then export PGPASSWORD; else unset PGPASSWORD; fi
PGAPPNAME=holdfast PGCONNECT_TIMEOUT=10
export PGUSER PGDATABASE PGAPPNAME PGCONNECT_TIMEOUT
exec "$@"
`;

/** The words of a client command in the task's container. `database` in place of the one that the container names. */
export function clientCommand({ settings }: QuiesceTask, words: readonly string[], database = ''): readonly string[] {
  return ['sh', '-c', SCRIPT, 'holdfast', textAt(settings, 'user'), database || textAt(settings, 'database'), ...words];
}

/** Reads statements from its input, prints rows bare, asks nobody for a password. */
export const PSQL = ['psql', '--no-psqlrc', '--quiet', '--no-align', '--tuples-only', '--no-password'] as const;
