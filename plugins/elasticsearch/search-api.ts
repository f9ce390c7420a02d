import { FailureType, HoldfastError } from '../../contracts/failures.ts';
import type { Json, JsonObject } from '../../contracts/json.ts';
import type { QuiesceTask } from '../../contracts/quiesce.ts';
import { parseLossless } from '../../domain/json/lossless.ts';
import { field, textAt } from '../../domain/resource/fields.ts';
import type { PluginContext } from '../plugin.ts';
import { briefly } from '../../domain/text/briefly.ts';
import { describeTask, placeOf, taskFailure } from '../task.ts';

/**
 * One request with the curl of the image. What the request sends comes as one line of curl's configuration on the standard input, and the user
 * and the password are added there, out of the container's environment or the files that it names: none of it is ever an argument.
 * The certificate of a server that is reached over the container's own loopback proves nothing, and is usually signed by itself.
 * $1 method, $2 path, $3 URL or '' for this container, $4 user or '', $5 name of the password's variable or ''.
 */
const SCRIPT = `
value_of() { eval "v=\\\${$1:-}; f=\\\${$1_FILE:-}"; if [ -n "$v" ]; then printf %s "$v"; elif [ -r "$f" ]; then cat "$f"; fi; }
quoted() { printf %s "$1" | sed 's/[\\\\"]/\\\\&/g'; }
IFS= read -r line
method=$1 path=$2 url=$3 user=$4 names=$5
[ -n "$names" ] || names='ELASTIC_PASSWORD ELASTICSEARCH_PASSWORD OPENSEARCH_PASSWORD OPENSEARCH_INITIAL_ADMIN_PASSWORD'
password=
for name in $names; do
  password=$(value_of "$name")
  [ -z "$password" ] || break
done
if [ -z "$user" ]; then
  case $name in OPENSEARCH*) user=admin;; *) user=elastic;; esac
fi
ask() {
  {
    [ -z "$password" ] || printf 'user = "%s:%s"\\n' "$(quoted "$user")" "$(quoted "$password")"
    printf '%s\\n' "$line"
  } | curl --config - --silent --show-error --globoff --request "$method" --max-time 90 --header 'Content-Type: application/json' "$@"
}
if [ -n "$url" ]; then
  ask --insecure --write-out '\\n%{http_code}' "$url$path"
  exit
fi
answer=$(ask --insecure --write-out '\\n%{http_code}' "https://127.0.0.1:9200$path") && { printf '%s' "$answer"; exit; }
code=$?
# A server without TLS is met by no request at all: the handshake fails before anything is sent.
[ $code = 35 ] || exit $code
ask --write-out '\\n%{http_code}' "http://127.0.0.1:9200$path"
`;

/** curl's exit codes for a server that is not there (yet), or went away. */
const NOT_THERE: ReadonlySet<number> = new Set([7, 28, 52, 56]);

interface SearchAnswer {
  /** Of HTTP. */
  readonly status: number;
  readonly body: Json;
}

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** The server's API as its own container sees it. Rejects with `Unavailable` when there is no answer, or one that says to come again. */
export class SearchApi {
  readonly #task: QuiesceTask;
  readonly #context: Pick<PluginContext, 'cluster' | 'signal'>;

  constructor(task: QuiesceTask, context: Pick<PluginContext, 'cluster' | 'signal'>) {
    this.#task = task;
    this.#context = context;
  }

  /** The answer to a request that must succeed. `Conflict` with the server's reason when it refuses. */
  async call(method: Method, path: string, body?: JsonObject): Promise<Json> {
    const answer = await this.ask(method, path, body);
    if (answer.status < 300) return answer.body;
    throw this.refused(`${method} ${path.replace(/\?.*$/, '')}`, answer);
  }

  /** The answer, whatever its status. */
  async ask(method: Method, path: string, body?: JsonObject): Promise<SearchAnswer> {
    const { settings } = this.#task;
    const words = [method, path, textAt(settings, 'url'), textAt(settings, 'user'), textAt(settings, 'passwordEnv')];
    const command = ['sh', '-c', SCRIPT, 'holdfast', ...words];
    const { cluster, signal } = this.#context;
    const stdin = once(Buffer.from(`${configLine(body)}\n`));
    const { exitCode, stdout, stderr } = await cluster.exec({ ...placeOf(this.#task), command, stdin }, { signal });
    if (exitCode !== 0) throw this.#unanswered(exitCode, stderr);
    const end = stdout.lastIndexOf('\n');
    const answer = { status: Number(stdout.slice(end + 1)), body: jsonOf(stdout.slice(0, end)) };
    if (answer.status === 429 || answer.status >= 502)
      throw unavailable(this.#task, `it answers ${answer.status}: ${reasonOf(answer.body)}`);
    return answer;
  }

  /** The failure that a refusal is. */
  refused(what: string, { status, body }: SearchAnswer): HoldfastError {
    const advice =
      status === 401 || status === 403
        ? 'name a user and the variable of its password: docs/plugins/elasticsearch.md'
        : 'correct what it says; docs/plugins/elasticsearch.md';
    return taskFailure(this.#task, `${what} is refused with ${status}: ${briefly(reasonOf(body))}`, advice);
  }

  #unanswered(exitCode: number, stderr: string): HoldfastError {
    if (NOT_THERE.has(exitCode)) return unavailable(this.#task, `it does not answer: ${briefly(stderr)}`);
    const advice =
      'the container needs sh, sed and curl, and the server must listen on its loopback, or be named by holdfast.dev/elasticsearch-url';
    return taskFailure(this.#task, `its API cannot be reached: ${briefly(stderr) || `exit code ${exitCode}`}`, advice);
  }
}

function unavailable(task: QuiesceTask, problem: string): HoldfastError {
  return new HoldfastError(FailureType.Unavailable, `${describeTask(task)}: ${problem}`, { advice: 'look at the health of its pods' });
}

/** A body as one line of curl's configuration; its strings know backslash and quote. */
function configLine(body: JsonObject | undefined): string {
  if (body === undefined) return '';
  const text = JSON.stringify(body).replace(/[\\"]/g, '\\$&');
  return `data-binary = "${text}"`;
}

function jsonOf(text: string): Json {
  try {
    return parseLossless(text.trim() === '' ? 'null' : text);
  } catch {
    return null;
  }
}

/** The server's own words for what went wrong, the deepest ones. */
function reasonOf(body: Json): string {
  const error = field(body, 'error');
  if (typeof error === 'string') return error;
  const causes = [textAt(error, 'reason'), textAt(error, 'caused_by', 'reason'), textAt(error, 'caused_by', 'caused_by', 'reason')];
  return causes.filter((cause) => cause !== '').join(': ');
}

async function* once(piece: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(piece);
}
