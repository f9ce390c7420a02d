/** @type {import('jest').Config} */
const shared = {
  testEnvironment: '<rootDir>/test/support/environment.js',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
  },
};

/** Each project is a kind of test; CONTRIBUTING.md says what it needs. */
const project = (displayName, testMatch, more = {}) => ({
  ...shared,
  displayName,
  testMatch: testMatch.map((glob) => `<rootDir>/test/${glob}`),
  ...more,
});

/** Real servers and processes on a busy machine: unit tests start some, too. */
const SERVERS = { setupFilesAfterEnv: ['<rootDir>/test/support/patience.js'] };

export default {
  projects: [
    project(
      'unit',
      [
        '{cli,domain,etcd,git,helm,kubernetes,movers,plugins,repository,sandbox,scripts,storage,support,activities,workers,damage}/**/*.test.ts',
      ],
      SERVERS,
    ),
    project('workflow', ['{bundle,replay,workflows}/**/*.test.ts'], SERVERS),
    project('integration', ['integration/**/*.test.ts'], SERVERS),
    project('e2e', ['{e2e,faults}/**/*.test.ts'], SERVERS),
  ],
  // Two cores, real servers: more at once only makes all of them slow.
  maxWorkers: 2,
  reporters: ['default', '<rootDir>/test/support/count-reporter.js'],
};
