/** What waits: pauses between attempts, and the time limit of each. Give one of your own to tests, so that they need not wait. */
export interface Clock {
  /**
   * Calls back once, after so many milliseconds.
   *
   * @returns What calls it off.
   */
  after(milliseconds: number, callback: () => void): () => void;
}

/** The real time. */
export const systemClock: Clock = {
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Waits, unless the signal says that nobody waits any more: then it throws the signal's reason. */
export function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      callOff();
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = (): void => end(() => reject(signal.reason));
    const callOff = clock.after(milliseconds, () => end(resolve));
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}
