import { setImmediate } from 'node:timers/promises';

import type { Clock } from 'billfold-client';

interface Timer {
  due: number;
  callback: () => void;
}

/** A time that passes only when nothing else can happen, so that no test waits for it. */
export class VirtualClock implements Clock {
  /** How many milliseconds have passed. */
  now = 0;
  readonly #timers = new Set<Timer>();

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { due: this.now + milliseconds, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many are still waited for. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Lets time pass until the promise is settled. */
  async run<Value>(promise: Promise<Value>): Promise<Value> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    for (;;) {
      // What is ready goes first, however many promises it is made of.
      await setImmediate();
      if (settled) return promise;
      const [next] = [...this.#timers].sort((one, other) => one.due - other.due);
      if (next === undefined) throw new Error('nothing is waited for, and the promise is not settled');
      this.#timers.delete(next);
      this.now = next.due;
      next.callback();
    }
  }
}
