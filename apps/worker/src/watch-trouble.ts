/** When this process last saw the database, or the way to it, in trouble. */
export interface TroubleWatch {
  /** It is in trouble now. */
  note(): void;
  /** Milliseconds since the last time; infinite when there was none. */
  readonly sinceMs: number;
}

/** @param monotonicMs milliseconds of a clock that never jumps */
export function watchTrouble(monotonicMs: () => number): TroubleWatch {
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    note: () => {
      lastAt = monotonicMs();
    },
    get sinceMs() {
      return monotonicMs() - lastAt;
    },
  };
}
