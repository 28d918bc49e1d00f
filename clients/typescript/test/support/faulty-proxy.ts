import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/**
 * What the proxy does with one request: passes it on; loses it on its way there; lets it be answered and loses the answer,
 * as a whole or from the middle of the body on; or answers it itself.
 */
export type Deed = 'pass' | 'lose request' | 'lose answer' | 'cut answer' | { status: number; headers: Record<string, string> };

/** What the proxy saw of one request that it passed on. */
export interface Exchange {
  method: string;
  headers: IncomingMessage['headers'];
  status: number;
  retryAfter: string | undefined;
  body: string;
}

/** Stands between a client and the service, and loses what it is told to lose. */
export class FaultyProxy {
  /** What was passed on, and answered there, whether or not the client saw the answer. */
  readonly exchanges: Exchange[] = [];
  readonly #upstream: URL;
  readonly #server: Server;
  #deeds: Deed[] = [];
  #method: string | undefined;

  private constructor(upstream: string) {
    this.#upstream = new URL(upstream);
    this.#server = createServer((incoming, outgoing) => {
      this.#handle(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  /** Starts a proxy on a free port. */
  static async start(upstream: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(upstream);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** Where the proxy is. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What to do with the next requests. Those after them are passed on. */
  expect(...deeds: Deed[]): void {
    this.expectOf(undefined, ...deeds);
  }

  /** The same for the requests of one method. Others are passed on. */
  expectOf(method: string | undefined, ...deeds: Deed[]): void {
    this.#method = method;
    this.#deeds = deeds;
    this.exchanges.length = 0;
  }

  /** How many deeds have not been done. */
  get undone(): number {
    return this.#deeds.length;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const meant = this.#method === undefined || this.#method === incoming.method;
    const deed = (meant ? this.#deeds.shift() : undefined) ?? 'pass';
    const sent = await buffer(incoming);
    if (deed === 'lose request') {
      outgoing.destroy();
      return;
    }
    if (typeof deed === 'object') {
      outgoing.writeHead(deed.status, deed.headers).end();
      return;
    }
    const { method = 'GET', url = '/', headers } = incoming;
    const { hostname, port } = this.#upstream;
    const onward = request({ hostname, port, method, path: url, headers, agent: false });
    onward.end(sent);
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    const body = await buffer(answer);
    const status = answer.statusCode ?? 0;
    this.exchanges.push({ method, headers, status, retryAfter: answer.headers['retry-after'], body: body.toString() });
    if (deed === 'lose answer') {
      outgoing.destroy();
      return;
    }
    outgoing.writeHead(status, answer.headers);
    if (deed === 'cut answer') outgoing.write(body.subarray(0, body.length / 2), () => outgoing.destroy());
    else outgoing.end(body);
  }
}
