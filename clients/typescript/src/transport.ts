import createClient, { type Client } from 'openapi-fetch';

import { pause } from './clock.js';
import { BillfoldApiError, BillfoldConnectionError, retryAfter, type Answer } from './errors.js';
import type { paths } from './generated/openapi.js';
import { settle, type CallOptions, type ClientOptions, type RetryPolicy, type Settings, type WriteOptions } from './options.js';

/** The contract's operations, each by its method and path, typed. An answer that comes back is a good one. */
export type Transport = Client<paths>;

/** Opens the way to Billfold: typed calls, each of which is repeated where that is worth it. */
export function open(options: ClientOptions): Transport {
  const settings = settle(options);
  return createClient<paths>({
    baseUrl: options.baseUrl,
    // Billfold knows no cookies, and redirects nobody: who did would turn a POST into a GET.
    credentials: 'omit',
    redirect: 'error',
    fetch: (request) => send(request, settings),
    querySerializer: query,
  });
}

/** What a call gave. `open` throws what is no good answer, so there is one, or an empty one where the contract has none. */
export async function data<Data>(call: Promise<{ data?: Data }>): Promise<Data> {
  return (await call).data as Data;
}

/** The parts of a call that its options become. */
export function init(options: CallOptions): { signal?: AbortSignal } {
  return options.signal ? { signal: options.signal } : {};
}

/** The headers that a call's options become. `send` gives a key to the write that has none. */
export function header(options: WriteOptions): { 'Idempotency-Key'?: string } {
  return options.idempotencyKey === undefined ? {} : { 'Idempotency-Key': options.idempotencyKey };
}

/**
 * A name as part of a path. What a URL takes for no segment, or for one of its own, would ask for something else than was
 * meant; Billfold gives no such names.
 */
export function segment(name: string): string {
  if (name === '' || name === '.' || name === '..') throw new TypeError(`not an identifier: '${name}'`);
  return name;
}

/** An empty list stays there, as an empty value, and is refused: left out, it would mean all. */
function query(parameters: Record<string, unknown>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

/**
 * Sends a request until there is a definite answer, no more attempts are left, or the caller does not wait any more. What
 * changes something has one key in all attempts, so it is done once.
 */
async function send(request: Request, settings: Settings): Promise<Response> {
  const reads = request.method === 'GET';
  const key = reads ? null : (request.headers.get('Idempotency-Key') ?? settings.newIdempotencyKey());
  const body = reads ? '' : await request.text();
  for (let attempts = 1; ; attempts += 1) {
    request.signal.throwIfAborted();
    const headers = new Headers(request.headers);
    headers.set('Authorization', `Bearer ${await settings.token()}`);
    if (key !== null) headers.set('Idempotency-Key', key);
    const outcome = await attempt(request, { headers, ...(body === '' ? {} : { body }) }, settings);
    request.signal.throwIfAborted();
    const failed = 'fault' in outcome;
    if (!failed && outcome.status < 400) {
      return new Response(outcome.body === '' ? null : outcome.body, { status: outcome.status, headers: outcome.headers });
    }
    const milliseconds = pauseAfter(outcome, attempts, settings);
    if (milliseconds === null) {
      if (!failed) throw new BillfoldApiError(outcome, attempts, key);
      throw new BillfoldConnectionError('Billfold gave no answer', attempts, key, { cause: outcome.fault });
    }
    await pause(settings.clock, milliseconds, request.signal);
  }
}

/** No whole answer came. */
interface Fault {
  fault: unknown;
}

/** Sends a request once, and reads the answer to its end: one that breaks off is none. */
async function attempt(request: Request, parts: RequestInit, settings: Settings): Promise<Answer | Fault> {
  const { method, url, credentials, redirect } = request;
  const ending = new AbortController();
  const onAbort = (): void => ending.abort(request.signal.reason);
  const callOff = settings.clock.after(settings.retry.attemptMilliseconds, () => {
    ending.abort(new DOMException('The attempt took too long', 'TimeoutError'));
  });
  request.signal.addEventListener('abort', onAbort);
  if (request.signal.aborted) onAbort();
  try {
    const response = await settings.fetch(url, { ...parts, method, credentials, redirect, signal: ending.signal });
    const body = await response.text();
    // A good answer is JSON or empty. Anything else comes from somebody in between.
    if (response.ok && body !== '') JSON.parse(body);
    return { status: response.status, headers: response.headers, body };
  } catch (fault) {
    return { fault };
  } finally {
    callOff();
    request.signal.removeEventListener('abort', onAbort);
  }
}

/**
 * The statuses that ask for another try. 409: a request on the same object, or with the same key, is under way. 429: a
 * limit. 500 and 503: a fault, or nobody knows yet what became of it. 502 and 504 are a proxy's, which got no answer itself.
 */
const worthAnotherTry: ReadonlySet<number> = new Set([409, 429, 500, 502, 503, 504]);

/** How long to wait before the next attempt, or `null` if there is to be none. */
function pauseAfter(outcome: Answer | Fault, attempts: number, settings: Settings): number | null {
  const { retry, random } = settings;
  const answered = !('fault' in outcome);
  if (attempts >= retry.attempts || (answered && !worthAnotherTry.has(outcome.status))) return null;
  const asked = answered ? retryAfter(outcome.headers) : null;
  if (asked === null) return ownPause(attempts, retry, random);
  if (asked > retry.longestRetryAfterSeconds) return null;
  // Some more than was asked for, so that those who were told the same do not come back together.
  return asked * 1000 + random() * retry.firstPauseMilliseconds;
}

/** Twice as long each time, up to a bound; between half of that and all of it, so that many clients do not keep step. */
function ownPause(attempts: number, retry: RetryPolicy, random: () => number): number {
  const longest = Math.min(retry.longestPauseMilliseconds, retry.firstPauseMilliseconds * 2 ** (attempts - 1));
  return longest * (0.5 + random() / 2);
}
