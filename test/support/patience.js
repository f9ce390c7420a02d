import { jest } from '@jest/globals';

/** Tests with real servers wait for them; a hang still ends. */
jest.setTimeout(300_000);
