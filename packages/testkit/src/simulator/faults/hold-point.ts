interface Held {
  readonly grantId: string | null;
  readonly resume: () => void;
}

/** Requests that wait, in the order of their arrival, until somebody lets them go. */
export class HoldPoint {
  #held: Held[] = [];
  #watchers = new Set<() => void>();
  #isClosed = false;

  get count(): number {
    return this.#held.length;
  }

  /** The grants whose requests wait, in the order of their arrival. */
  get grantIds(): string[] {
    return this.#held.flatMap(({ grantId }) => grantId ?? []);
  }

  /** Resolves when this request is released: at once after `close`, which a request on its way here may have missed. */
  enter(grantId: string | null): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resume) => {
      this.#held.push({ grantId, resume });
      for (const watcher of this.#watchers) watcher();
    });
  }

  /** Lets the first `count` requests go, or all of them; returns how many went. */
  release(count = this.#held.length): number {
    const released = this.#held.splice(0, count);
    for (const { resume } of released) resume();
    return released.length;
  }

  /** Resolves once `count` requests are held, or after `timeoutMs`, to the number that is held then. */
  awaitHeld(count: number, timeoutMs: number): Promise<number> {
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        resolve(this.count);
      };
      const watcher = () => {
        if (this.count >= count) settle();
      };
      const timer = setTimeout(settle, timeoutMs);
      this.#watchers.add(watcher);
      watcher();
    });
  }

  /** Lets everything go and ends every wait. */
  close(): void {
    this.#isClosed = true;
    this.release();
    for (const watcher of this.#watchers) watcher();
  }
}
