// Loaded by path, in the worker's thread and in the workflow sandbox; CommonJS, because Temporal's loader and its bundler both take that.
const { DefaultFailureConverter } = require('@temporalio/common');

/** Moves messages and stack traces into payloads, so that the codec encrypts them too. */
exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
