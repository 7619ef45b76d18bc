/** Requests that wait, in the order of their arrival, until somebody lets them go. */
export class HoldPoint {
  #held: Array<() => void> = [];
  #watchers = new Set<() => void>();

  get count(): number {
    return this.#held.length;
  }

  /** Resolves when this request is released. */
  enter(): Promise<void> {
    return new Promise((resolve) => {
      this.#held.push(resolve);
      for (const watcher of this.#watchers) watcher();
    });
  }

  /** Lets the first `count` requests go, or all of them; returns how many went. */
  release(count = this.#held.length): number {
    const released = this.#held.splice(0, count);
    for (const resume of released) resume();
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
    this.release();
    for (const watcher of this.#watchers) watcher();
  }
}
