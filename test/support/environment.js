import { TestEnvironment } from 'jest-environment-node';

const KEPT_LINES = 12;

/** Adds to the error of a failed test what the commands that failed during it have said: the assertion alone seldom tells why. */
export default class CommandEnvironment extends TestEnvironment {
  handleTestEvent({ name, error }) {
    if (name === 'test_start') this.global.endedCommands = [];
    if (name !== 'test_fn_failure' && name !== 'hook_failure') return;
    const said = (this.global.endedCommands ?? [])
      .filter(({ code }) => code !== 0)
      .map(({ words, code, text }) => {
        const lines = text.trimEnd().split('\n').slice(-KEPT_LINES);
        return [`holdfast ${words.join(' ')} ended with ${code}:`, ...lines].join('\n  ');
      });
    if (said.length > 0 && typeof error?.stack === 'string')
      error.stack = `${error.message}\n\n${said.join('\n')}\n\n${error.stack.slice(error.stack.indexOf('\n    at ') + 1)}`;
  }
}
