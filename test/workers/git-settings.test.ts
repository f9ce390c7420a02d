import { describe, expect, it } from '@jest/globals';
import { protocolOf, withoutUserinfo } from '../../git/remote-access.ts';
import { findGitRemote } from '../../workers/git-remotes.ts';
import { GitRemoteSettings } from '../../workers/git-settings.ts';

const SSH = { sshKeyFile: '/k', knownHostsFile: '/h' };

describe('the settings of a Git remote', () => {
  it.each<[string, object]>([
    ['a folder', { url: '/srv/git/x.git' }],
    ['https with a token', { url: 'https://git.example.com/x.git', token: { env: 'TOKEN' }, username: 'bot' }],
    ['ssh', { url: 'git@git.example.com:x.git', ...SSH }],
    ['rules', { url: '/x', ignoreKinds: ['jobs'], rules: [{ kinds: ['deployments'], fields: ['spec.replicas'] }] }],
    ['plain values of releases', { url: '/x', helmValues: 'plain', silenceSeconds: 300 }],
    ['encrypted Secrets', { url: '/x', secrets: 'encrypt', recipients: ['age1abc'], identity: { file: '/i' } }],
  ])('may be %s', (_what, settings) => {
    expect(GitRemoteSettings.safeParse({ name: 'state', ...settings })).toMatchObject({ success: true });
  });

  it.each<[string, object, RegExp]>([
    ['secrets for nobody', { url: '/x', secrets: 'encrypt' }, /recipients.*is needed/],
    ['values of releases for nobody', { url: '/x', helmValues: 'encrypt' }, /recipients.*is needed/],
    ['a server that is never given up', { url: '/x', silenceSeconds: 0 }, /silenceSeconds/],
    ['an odd recipient', { url: '/x', recipients: ['AGE-SECRET-KEY-1'] }, /is no age recipient/],
    ['ssh without a host key', { url: 'ssh://git@h/x', sshKeyFile: '/k' }, /knownHostsFile/],
    ['a token for ssh', { url: 'ssh://git@h/x', ...SSH, token: { env: 'T' } }, /is for https/],
    ['a bad path of a field', { url: '/x', rules: [{ kinds: ['a'], fields: ['spec..x'] }] }, /is no path/],
    ['a bad branch', { url: '/x', branch: 'a b' }, /is no name for a branch/],
    ['a bad author', { url: '/x', author: 'me' }, /is not of the form/],
    ['a name that leads elsewhere', { url: '/x', name: '../x' }, /is no name/],
    ['a setting that there is not', { url: '/x', forcePush: true }, /forcePush/],
  ])('are refused with %s', (_what, settings, words) => {
    const { error } = GitRemoteSettings.safeParse({ name: 'state', ...settings });
    expect(JSON.stringify(error?.issues)).toMatch(words);
  });

  it('are found by their name', () => {
    const remote = GitRemoteSettings.parse({ name: 'state', url: '/x' });
    expect(findGitRemote({ gitRemotes: [remote] }, 'state')).toBe(remote);
    expect(() => findGitRemote({ gitRemotes: [remote] }, 'other')).toThrow('Git remote "other" is not configured');
  });
});

describe('the URL of a Git remote', () => {
  it.each([
    ['/srv/x.git', 'file'],
    ['file:///srv/x.git', 'file'],
    ['https://h/x.git', 'https'],
    ['http://127.0.0.1:8080/x', 'http'],
    ['ssh://git@h:22/x', 'ssh'],
    ['git@h:group/x.git', 'ssh'],
  ])('%s is reached by %s', (url, protocol) => {
    expect(protocolOf(url)).toBe(protocol);
  });

  it.each<[string, RegExp]>([
    ['https://user:hunter2@h/x', /holds credentials/],
    ['https://hunter2@h/x', /holds credentials/],
    ['ssh://git:hunter2@h/x', /holds credentials/],
    ['http://h/x', /in plain text/],
    ['ext::sh -c hunter2', /is no URL/],
    ['git://h/x', /is no URL/],
    ['relative/path', /is no URL/],
    ['-oProxyCommand=x:y', /is no URL/],
    ['ssh://-oProxyCommand=x/y', /names no host|is no URL/],
  ])('%s is refused', (url, words) => {
    expect(() => protocolOf(url)).toThrow(words);
    try {
      protocolOf(url);
    } catch (error) {
      if (url.includes('@')) expect((error as Error).message).not.toContain('hunter2');
    }
  });

  it('is shown without what is secret in it', () => {
    expect(withoutUserinfo('https://user:pass@h/x')).toBe('https://h/x');
    expect(withoutUserinfo('ssh://git@h/x')).toBe('ssh://git@h/x');
  });
});
