import { once } from 'node:events';
import { createServer, request as httpRequest, Agent, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import { FaultScript, type Answer, type Fault, type FaultRule, type ProxiedRequest } from './fault-rules.ts';

/** The server behind the proxy. */
export interface Upstream {
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  /** For an API server: it asks the proxy for a client certificate, the proxy's own clients need none. */
  readonly tls?: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
}

export interface ProxyOptions {
  readonly upstream: Upstream;
  /** Decides rules with a probability; printed by tests, so that a failure can be repeated. */
  readonly seed?: number;
}

/**
 * A reverse proxy on loopback in front of S3 or an API server that does as its rules say, and counts what it did. Without rules it changes
 * nothing: bodies stream, the Host header stays (signatures cover it), watches stay open.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #upstream: Upstream;
  readonly #agent: Agent;
  readonly #sockets = new Set<Socket>();
  readonly #script: FaultScript;
  readonly #observers = new Set<(request: ProxiedRequest) => void>();
  #requests = 0;

  private constructor({ upstream, seed = 1 }: ProxyOptions) {
    this.#upstream = upstream;
    this.#script = new FaultScript(seed);
    this.#agent = upstream.tls ? new TlsAgent({ keepAlive: true, ...upstream.tls }) : new Agent({ keepAlive: true });
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket.on('error', () => undefined));
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(options: ProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** `http://127.0.0.1:port` */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Requests seen, whatever became of them. */
  get requests(): number {
    return this.#requests;
  }

  /** How often each rule, by its name, did its work. */
  get done(): Readonly<Record<string, number>> {
    return this.#script.done;
  }

  /** The first rule that applies decides; an empty list ends all faults. */
  rules(...rules: readonly FaultRule[]): void {
    this.#script.replace(rules);
  }

  /** Called with every request before anything is done with it; the result ends that. */
  onRequest(observer: (request: ProxiedRequest) => void): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Ends every connection and the proxy. */
  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests += 1;
    const seen: ProxiedRequest = {
      number: this.#requests,
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      headers: request.headers,
    };
    for (const observer of this.#observers) observer(seen);
    const fault = this.#script.decide(seen);
    if (fault.kind === 'delay') await delay(fault.ms);
    if (fault.kind === 'hang') return;
    if (fault.kind === 'reset') {
      response.socket?.resetAndDestroy();
      return;
    }
    if (fault.kind === 'answer') {
      // Read first: a client that is still sending would see a broken connection instead of the answer.
      await buffer(request);
      send(response, fault.answer(seen));
      return;
    }
    await this.#forward(request, response, fault);
  }

  async #forward(request: IncomingMessage, response: ServerResponse, fault: Fault): Promise<void> {
    const target = new URL(request.url ?? '/', this.#upstream.origin);
    const options = { method: request.method, headers: request.headers, agent: this.#agent };
    const sent = this.#upstream.tls ? httpsRequest(target, options) : httpRequest(target, options);
    // Also when it comes after the beginning of the answer, when nobody waits for it any more.
    sent.on('error', () => response.destroy());
    request.pipe(sent);
    request.once('aborted', () => sent.destroy());
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    response.once('close', () => answer.destroy());
    await relay(answer, response, fault);
  }
}

async function relay(answer: IncomingMessage, response: ServerResponse, fault: Fault): Promise<void> {
  const { statusCode = 502 } = answer;
  switch (fault.kind) {
    case 'lose-answer':
      await buffer(answer);
      response.socket?.resetAndDestroy();
      return;
    case 'reset-body': {
      const body = await buffer(answer);
      response.writeHead(statusCode, { ...withoutLength(answer.headers), 'content-length': body.length });
      response.write(body.subarray(0, Math.min(fault.afterBytes, Math.max(0, body.length - 1))), () => response.socket?.resetAndDestroy());
      return;
    }
    case 'slow-body': {
      const body = await buffer(answer);
      response.writeHead(statusCode, answer.headers);
      for (let sent = 0; sent < body.length && !response.destroyed; sent += fault.pieceBytes) {
        await delay(fault.pauseMs);
        response.write(body.subarray(sent, sent + fault.pieceBytes));
      }
      response.end();
      return;
    }
    case 'truncate': {
      const body = (await buffer(answer)).subarray(0, fault.afterBytes);
      response.writeHead(statusCode, { ...withoutLength(answer.headers), 'content-length': body.length });
      response.end(body);
      return;
    }
    case 'wrong-byte': {
      const body = await buffer(answer);
      if (body.length > 0) body[Math.floor(body.length / 2)]! ^= 0x20;
      response.writeHead(statusCode, answer.headers);
      response.end(body);
      return;
    }
    case 'none':
    case 'answer':
    case 'delay':
    case 'hang':
    case 'reset':
      response.writeHead(statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
  }
}

function send(response: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

function withoutLength(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  const { 'content-length': _length, 'transfer-encoding': _encoding, ...rest } = headers;
  return rest;
}
