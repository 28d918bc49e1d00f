import type { components } from './generated/openapi.js';

type Schemas = components['schemas'];

/**
 * The kind of an error. All but the last two are the project API's own and go with the status; the account API's answers
 * get the one of their status. `gone` is the account API's 410. `unknown` is an answer of neither, such as a proxy's.
 */
export type ErrorType = Schemas['Error']['type'] | 'gone' | 'unknown';

/** What exactly is wrong, for programs. */
export type ErrorCode = Schemas['ErrorCode'];

/** One fault of a request. */
export interface ErrorDetail {
  /** The property, the parameter or the header that it is about. */
  property: string;
  /** What is wrong, for people. */
  message: string;
  /** What is wrong, for programs; `null` on the account API. */
  code: ErrorCode | null;
}

/** What every call of this client throws that does not come to its end: one of the two classes below. */
export abstract class BillfoldError extends Error {
  /** How many times the request was sent. */
  readonly attempts: number;
  /**
   * The key that all attempts had; `null` where the request only reads. What became of a request without a definite answer
   * is learnt by sending it once more with this key, within 24 hours.
   */
  readonly idempotencyKey: string | null;

  constructor(message: string, attempts: number, idempotencyKey: string | null, options?: ErrorOptions) {
    super(message, options);
    this.attempts = attempts;
    this.idempotencyKey = idempotencyKey;
  }
}

/** No whole answer came, after as many attempts as are made. Whether the request was carried out is not known. */
export class BillfoldConnectionError extends BillfoldError {
  /** The name of the class. */
  override readonly name = 'BillfoldConnectionError';
}

/** Billfold answered with an error, and another try did not help or would not have. */
export class BillfoldApiError extends BillfoldError {
  /** The name of the class. */
  override readonly name = 'BillfoldApiError';
  /** The HTTP status. */
  readonly status: number;
  /** The kind of the error. */
  readonly type: ErrorType;
  /** What exactly is wrong, where there is a code for it. */
  readonly code: ErrorCode | null;
  /** What to do next, for people, where there is something to say. */
  readonly hint: string | null;
  /** The faults one by one, where they are about single properties or parameters. */
  readonly details: readonly ErrorDetail[];
  /** The `Request-Id`: quote it when you ask for help. */
  readonly requestId: string | null;
  /** After how many seconds the same request is worth another try, where the answer said so. */
  readonly retryAfterSeconds: number | null;

  constructor(answer: Answer, attempts: number, idempotencyKey: string | null) {
    const body = parseObject(answer.body);
    const ours = typeof body?.['message'] === 'string';
    super(ours ? String(body['message']) : `HTTP status ${answer.status}`, attempts, idempotencyKey);
    this.status = answer.status;
    const type = body?.['object'] === 'error' ? body['type'] : undefined;
    this.type = typeof type === 'string' ? (type as ErrorType) : ours ? typeOfStatus(answer.status) : 'unknown';
    this.code = text(body?.['code']) as ErrorCode | null;
    this.hint = text(body?.['hint']);
    this.details = details(body);
    this.requestId = answer.headers.get('Request-Id');
    this.retryAfterSeconds = retryAfter(answer.headers);
  }
}

/** An answer whose body has arrived as a whole. */
export interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

/** The seconds in `Retry-After`. A date, which only proxies write, is not read. */
export function retryAfter(headers: Headers): number | null {
  const seconds = headers.get('Retry-After')?.trim();
  return seconds !== undefined && /^\d+$/.test(seconds) ? Number(seconds) : null;
}

/** The JSON object that a text is, if it is one. */
function parseObject(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** The faults, of the project API (`details`) or the account API (`errors`: messages by field). */
function details(body: Record<string, unknown> | undefined): ErrorDetail[] {
  if (Array.isArray(body?.['details'])) {
    return (body['details'] as Schemas['PropertyErrorDetail'][]).map(({ property, message, code }) => ({
      property,
      message,
      code,
    }));
  }
  const fields = (body?.['errors'] ?? {}) as NonNullable<Schemas['AccountInvalidError']['errors']>;
  return Object.entries(fields).flatMap(([property, messages]) =>
    messages.map((message) => ({ property, message, code: null })),
  );
}

/** The account API's errors name no type. Each goes with a status on the project API, so the status tells it. */
function typeOfStatus(status: number): ErrorType {
  switch (status) {
    case 400:
    case 408:
    case 413:
      return 'malformed';
    case 401:
      return 'unauthenticated';
    case 403:
      return 'permissionDenied';
    case 404:
      return 'notFound';
    case 405:
      return 'notImplemented';
    case 409:
      return 'conflict';
    case 410:
      return 'gone';
    case 422:
      return 'invalid';
    case 429:
      return 'tooManyRequests';
    case 500:
      return 'internal';
    case 503:
      return 'serviceUnavailable';
    default:
      return 'unknown';
  }
}
