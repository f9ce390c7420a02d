/** @type {import('jest').Config} */
const shared = {
  testEnvironment: 'node',
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

export default {
  projects: [project('unit', ['{bundle,cli,domain,kubernetes,repository,sandbox,storage,support,activities,workers}/**/*.test.ts'])],
  reporters: ['default', '<rootDir>/test/support/count-reporter.js'],
};
