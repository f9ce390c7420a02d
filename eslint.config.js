import tseslint from 'typescript-eslint';
import importX from 'eslint-plugin-import-x';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';

/**
 * Who may import whom. ARCHITECTURE.md explains the picture; the sentence after each folder is what the linter tells whoever breaks it.
 * `may` lists folders or single files (ports).
 */
const OBJECT_STORE_PORT = 'storage/object-store.ts';
const CLUSTER_PORT = 'kubernetes/port.ts';
const FOLDERS = [
  'contracts',
  'domain',
  'workflows',
  'activities',
  'repository',
  'storage',
  'kubernetes',
  'plugins',
  'movers',
  'etcd',
  'git',
  'helm',
  'sandbox',
  'workers',
  'cli',
  'scripts',
  'test',
];
const RULES = {
  contracts: { may: [], why: 'contracts is what both ends of Temporal agree on: it imports nothing of ours.' },
  domain: { may: ['contracts'], why: 'domain is pure and deterministic: it knows contracts only, no adapter and no I/O.' },
  workflows: {
    may: ['contracts', 'domain'],
    why: 'workflows run in the Temporal sandbox: contracts, domain and @temporalio/workflow only.',
  },
  storage: { may: ['contracts'], why: 'a storage driver knows its port and contracts, not what is stored.' },
  repository: { may: ['contracts', 'domain', OBJECT_STORE_PORT], why: 'the repository reaches stores through the object-store port only.' },
  kubernetes: { may: ['contracts', 'domain'], why: 'the Kubernetes adapter knows contracts and domain only.' },
  plugins: { may: ['contracts', 'domain', CLUSTER_PORT], why: 'plugins reach the cluster through its port only.' },
  movers: {
    may: ['contracts', 'domain', CLUSTER_PORT],
    why: 'movers reach the cluster through its port only, and know nothing of backups.',
  },
  etcd: { may: ['contracts'], why: 'the etcd client knows its port and contracts, not what a snapshot is for.' },
  git: { may: ['contracts', 'domain'], why: 'the Git adapter knows trees of files, not clusters or backups.' },
  helm: {
    may: ['contracts', 'domain'],
    why: 'the Helm adapter knows records, charts and repositories of charts, not clusters or backups.',
  },
  sandbox: { may: ['contracts'], why: 'the sandbox starts processes and knows nothing of backups.' },
  activities: {
    may: [
      'contracts',
      'domain',
      'repository',
      OBJECT_STORE_PORT,
      CLUSTER_PORT,
      'kubernetes/readiness.ts',
      'plugins/plugin.ts',
      'movers/port.ts',
      'etcd/port.ts',
      'git/port.ts',
      'helm/port.ts',
    ],
    why: 'activities see ports, never drivers: workers/dependencies.ts constructs the adapters.',
  },
  workers: {
    may: [
      'contracts',
      'domain',
      'workflows',
      'activities',
      'repository',
      'storage',
      'kubernetes',
      'plugins',
      'movers',
      'etcd',
      'git',
      'helm',
      'sandbox',
    ],
    why: 'workers is the composition root: it knows everything but cli, scripts and test.',
  },
  cli: {
    may: [
      'contracts',
      'domain',
      'repository',
      OBJECT_STORE_PORT,
      CLUSTER_PORT,
      'sandbox',
      'workers/dependencies.ts',
      'workers/embedded.ts',
      'workers/serve.ts',
      'workers/configuration.ts',
    ],
    why: 'the CLI gets its adapters built from workers/dependencies.ts and talks to workflows by name, through Temporal.',
  },
};

const zones = Object.entries(RULES).flatMap(([folder, { may, why }]) =>
  FOLDERS.filter((other) => other !== folder && !may.includes(other)).map((other) => ({
    target: `./${folder}`,
    from: `./${other}`,
    except: may.filter((path) => path.startsWith(`${other}/`)).map((path) => `./${path.slice(other.length + 1)}`),
    message: why,
  })),
);

const NODE_FREE = {
  patterns: [
    {
      group: ['node:*', 'fs', 'path', 'crypto', 'os', 'child_process'],
      message: 'Workflow and domain code is deterministic and has no Node API: do it in an activity.',
    },
    { regex: '^@temporalio/(?!workflow$|common$)', message: 'Workflow code uses @temporalio/workflow and @temporalio/common only.' },
  ],
};
const LOCAL_TIME = {
  selector:
    'CallExpression[callee.property.name=/^(toLocale.*|getTimezoneOffset|get(FullYear|Month|Date|Day|Hours|Minutes|Seconds)|set(FullYear|Month|Date|Hours|Minutes|Seconds))$/]',
  message: 'Depends on the time zone or locale of the host: use the UTC form, or pass the value in.',
};

export default tseslint.config(
  { ignores: ['node_modules', 'dist', 'coverage'] },
  ...tseslint.configs.strictTypeChecked,
  importX.flatConfigs.typescript,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js', 'scripts/*.mjs', 'workers/*.cjs', 'test/support/*.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver({ project: 'tsconfig.json' })] },
    rules: {
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { zones }],
      'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 3],
      'max-depth': ['error', 3],
      complexity: ['error', 12],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['domain/**', 'workflows/**', 'contracts/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', NODE_FREE],
      'no-restricted-syntax': ['error', LOCAL_TIME],
    },
  },
  {
    files: ['domain/**', 'contracts/**'],
    rules: {
      'no-restricted-globals': ['error', { name: 'Date', message: 'domain has no clock: time is an argument.' }],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'domain is deterministic.' }],
    },
  },
  {
    files: ['workflows/**'],
    ignores: ['workflows/activity-options.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        LOCAL_TIME,
        {
          selector: "CallExpression[callee.name='proxyActivities'] > ObjectExpression",
          message: 'Timeouts and retries live in workflows/activity-options.ts only: use a named policy.',
        },
      ],
    },
  },
  { files: ['cli/**', 'scripts/**'], rules: { 'no-console': 'off' } },
  {
    files: ['test/**'],
    rules: {
      'max-lines-per-function': 'off',
      'max-lines': 'off',
      'max-params': 'off',
      'max-depth': 'off',
      complexity: 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  { files: ['**/*.js', '**/*.mjs', '**/*.cjs'], extends: [tseslint.configs.disableTypeChecked] },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
);
