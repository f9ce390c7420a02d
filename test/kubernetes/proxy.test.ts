import { describe, expect, it } from '@jest/globals';
import { proxyFor } from '../../kubernetes/proxy.ts';

const PROXY = 'http://proxy:3128';
const choose = (server: string, environment: Record<string, string>, proxyUrl = '') => proxyFor(new URL(server), proxyUrl, environment);

describe('proxyFor', () => {
  it('takes the proxy of the kubeconfig before all others', () => {
    expect(choose('https://127.0.0.1:6443', { HTTPS_PROXY: PROXY, NO_PROXY: '*' }, 'socks5://other:1080')).toBe('socks5://other:1080');
  });

  it.each([
    ['https://api.example.com', { HTTPS_PROXY: PROXY }, PROXY],
    ['https://api.example.com', { https_proxy: 'proxy:3128' }, PROXY],
    ['http://api.example.com', { HTTPS_PROXY: PROXY }, ''],
    ['https://api.example.com', {}, ''],
    ['https://localhost:6443', { HTTPS_PROXY: PROXY }, ''],
    ['https://127.0.0.1:6443', { HTTPS_PROXY: PROXY }, ''],
    ['https://[::1]:6443', { HTTPS_PROXY: PROXY }, ''],
  ])('%s with %j goes through "%s"', (server, environment, proxy) => {
    expect(choose(server, environment)).toBe(proxy);
  });

  it.each([
    ['https://api.example.com', 'example.com', true],
    ['https://api.example.com', '.example.com', true],
    ['https://api.example.com', '*.example.com', true],
    ['https://example.com', '.example.com', false],
    ['https://notexample.com', 'example.com', false],
    ['https://api.example.com:6443', 'other, API.example.com:6443', true],
    ['https://api.example.com:6443', 'api.example.com:443', false],
    ['https://10.1.2.3:6443', '10.0.0.0/8', true],
    ['https://11.1.2.3:6443', '10.0.0.0/8', false],
    ['https://10.1.2.3:6443', '10.1.2.3', true],
    ['https://[fd00::5]:6443', 'fd00::/8', true],
    ['https://10.1.2.3:6443', '10.0.0.0/99,fd00::/8,/', false],
    ['https://anything', '*', true],
  ])('%s with NO_PROXY=%s is excluded: %s', (server, list, excluded) => {
    expect(choose(server, { HTTPS_PROXY: PROXY, NO_PROXY: list })).toBe(excluded ? '' : PROXY);
  });
});
