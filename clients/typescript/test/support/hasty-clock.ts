import type { Clock } from 'billfold-client';

/** The time limit of an attempt that a client with a hasty clock has. It is no length that a pause can have. */
export const attemptMilliseconds = 39_999;

/** Pauses take no time, so that nobody waits for them; attempts may take as long as ever. */
export class HastyClock implements Clock {
  /** The pauses that were asked for. */
  readonly pauses: number[] = [];

  after(milliseconds: number, callback: () => void): () => void {
    if (milliseconds === attemptMilliseconds) {
      const timer = setTimeout(callback, milliseconds);
      return () => clearTimeout(timer);
    }
    this.pauses.push(milliseconds);
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  }
}
