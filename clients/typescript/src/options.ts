import { systemClock, type Clock } from './clock.js';

/** How to reach Billfold, and in whose name. */
export interface ClientOptions {
  /** Where the API is, such as `https://billfold.example.com`. */
  baseUrl: string;
  /** The token or API key, or what gives one. It is asked before each attempt, so it may give a fresh one each time. */
  token: string | (() => string | Promise<string>);
  /** How often, and how patiently, a request is tried. */
  retry?: Partial<RetryPolicy>;
  /** What sends requests; the platform's `fetch` unless given. */
  fetch?: typeof globalThis.fetch;
  /** What waits; the real time unless given. */
  clock?: Clock;
  /** Makes the jitter of pauses: a number from 0 up to, not including, 1. `Math.random` unless given. */
  random?: () => number;
  /** Makes the `Idempotency-Key` of a request that brings none: 128 random bits unless given. */
  newIdempotencyKey?: () => string;
}

/** How often, and how patiently, a request is tried. */
export interface RetryPolicy {
  /** How many times a request is sent at most, the first time included. 1 means that nothing is repeated. 5 unless given. */
  attempts: number;
  /** The first pause is so long at most, each following one twice as long. 500 unless given. */
  firstPauseMilliseconds: number;
  /** No pause of the client's own is longer. 8,000 unless given. */
  longestPauseMilliseconds: number;
  /** Where an answer's `Retry-After` asks for more, the error is thrown at once. 20 unless given. */
  longestRetryAfterSeconds: number;
  /**
   * After this time an attempt counts as one without an answer. 40,000 unless given: Billfold itself answers within 30
   * seconds.
   */
  attemptMilliseconds: number;
}

/** What may be said with each call. */
export interface CallOptions {
  /** Ends the call when it is aborted; the call then throws the signal's reason. */
  signal?: AbortSignal;
}

/** What may be said with each call that changes something. */
export interface WriteOptions extends CallOptions {
  /**
   * Names the request, in place of a key that the client makes: 1 to 255 visible ASCII characters. Give one where the same
   * request may come again from elsewhere, such as from a job that is started anew.
   */
  idempotencyKey?: string;
}

/** The options, with all that was not given. */
export interface Settings {
  token: () => string | Promise<string>;
  retry: RetryPolicy;
  fetch: typeof globalThis.fetch;
  clock: Clock;
  random: () => number;
  newIdempotencyKey: () => string;
}

const defaultRetry: RetryPolicy = {
  attempts: 5,
  firstPauseMilliseconds: 500,
  longestPauseMilliseconds: 8_000,
  longestRetryAfterSeconds: 20,
  attemptMilliseconds: 40_000,
};

/** Completes the options. */
export function settle(options: ClientOptions): Settings {
  const { token } = options;
  return {
    token: typeof token === 'string' ? () => token : token,
    retry: { ...defaultRetry, ...options.retry },
    // Called as a function of nothing, since a browser's own refuses to be called as anything else's.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    newIdempotencyKey: options.newIdempotencyKey ?? randomKey,
  };
}

/** 128 random bits. `crypto.randomUUID` would do, but pages without https do not have it. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
