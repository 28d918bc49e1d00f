/**
 * A client of Billfold, for Node.js and browsers: {@link ProjectClient} for a tenant's backend, {@link AccountClient} for
 * the pages of its users.
 *
 * Its types are those of `openapi.yaml`. What gets no answer, or one that asks for another try, is sent again, and is
 * done once all the same: whatever changes something has an `Idempotency-Key`.
 *
 * @packageDocumentation
 */
export * from './account.js';
export { type Clock } from './clock.js';
export {
  BillfoldApiError,
  BillfoldConnectionError,
  BillfoldError,
  type ErrorCode,
  type ErrorDetail,
  type ErrorType,
} from './errors.js';
export type { CallOptions, ClientOptions, RetryPolicy, WriteOptions } from './options.js';
export * from './paging.js';
export * from './project.js';
