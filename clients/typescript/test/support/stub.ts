import { AccountClient, ProjectClient, type ClientOptions } from 'billfold-client';

import { VirtualClock } from './virtual-clock.js';

/** What the stub does with one request: answers, fails, or never ends. */
export type Move = Response | Error | 'hang';

/** A request as the stub saw it. */
export interface Seen {
  /** The virtual time at which it came. */
  at: number;
  method: string;
  url: URL;
  headers: Headers;
  body: unknown;
}

/** A client of each API whose requests a script answers, under a virtual time. */
export class Stub {
  readonly clock = new VirtualClock();
  readonly seen: Seen[] = [];
  readonly project: ProjectClient;
  readonly account: AccountClient;

  /** The moves are made one after the other; the last is made again and again. */
  constructor(moves: (() => Move)[], options: Partial<ClientOptions> = {}) {
    const settings: ClientOptions = {
      baseUrl: 'http://billfold.invalid',
      token: 'the-token',
      clock: this.clock,
      random: () => 0,
      fetch: async (input, init) => {
        const move = moves[Math.min(this.seen.length, moves.length - 1)]?.();
        const { method = 'GET', headers, body = null, signal } = init ?? {};
        this.seen.push({ at: this.clock.now, method, url: new URL(String(input)), headers: new Headers(headers), body });
        if (move instanceof Response) return move;
        if (move instanceof Error) throw move;
        return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      },
      ...options,
    };
    this.project = new ProjectClient({ ...settings, project: 'demo' });
    this.account = new AccountClient(settings);
  }

  /** The pauses between the requests. */
  get pauses(): number[] {
    return this.seen.slice(1).map(({ at }, index) => at - (this.seen[index]?.at ?? 0));
  }

  /** The idempotency keys of the requests. */
  get keys(): (string | null)[] {
    return this.seen.map(({ headers }) => headers.get('Idempotency-Key'));
  }
}

/** An answer of the service's. */
export function answer(status: number, body: unknown = {}, headers: Record<string, string> = {}): () => Response {
  const text = status === 204 ? null : JSON.stringify(body);
  return () => new Response(text, { status, headers: { 'Request-Id': 'req_1', ...headers } });
}

/** An error of the project API's. */
export function refusal(status: number, type: string, headers: Record<string, string> = {}): () => Response {
  return answer(status, { object: 'error', type, message: `It is ${type}.`, hint: 'Do it better.' }, headers);
}
