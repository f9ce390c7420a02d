import { request as forward } from 'node:http';
import { scriptedHttp } from './scripted-http.ts';

/**
 * Stands before fake-gcs-server and does what that leaves out and Google does: a composition is made only if the name is free, and of several
 * at once by one of them.
 */
export async function conditionalGcs(endpoint: string): Promise<{ readonly endpoint: string; stop(): Promise<void> }> {
  let queue = Promise.resolve();
  return scriptedHttp((request, response) => {
    const pass = () =>
      new Promise<void>((done) => {
        const { method, headers, url = '' } = request;
        const onward = forward(`${endpoint}${url}`, { method, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        });
        onward.on('error', () => response.destroy());
        response.on('close', () => {
          onward.destroy();
          done();
        });
        request.pipe(onward);
      });
    const name = /^(\/storage\/v1\/b\/[^/]+\/o\/[^/?]+)\/compose\?.*ifGenerationMatch=0/.exec(request.url ?? '')?.[1];
    if (name === undefined) {
      void pass();
      return;
    }
    queue = queue.then(async () => {
      if ((await fetch(`${endpoint}${name}`)).ok) response.writeHead(412).end();
      else await pass();
    });
  });
}
