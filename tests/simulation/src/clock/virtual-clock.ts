import { setImmediate as nextTurn } from "node:timers/promises";
import FlatQueue from "flatqueue";

/** So many microtasks without an end mean that something waits for the event loop. */
const MICROTASKS_BEFORE_TURN = 200;
/** Nothing in a simulation takes so many turns: it waits for real time, which never passes here. */
const MOST_TURNS = 10_000;

/**
 * Time that passes only when nothing is left to do. Events are run in the order of their times; work that
 * awaits promises is let run until it ends or waits for a later event, before the clock moves on.
 */
export class VirtualClock {
  /** Epoch milliseconds. */
  now: number;
  readonly #events = new FlatQueue<() => void>();
  #busy = 0;
  #failure: { readonly error: unknown } | null = null;

  constructor(startAt: number) {
    this.now = startAt;
  }

  /** Runs `action` at a time; at once, when that has passed. */
  at(time: number, action: () => void): void {
    this.#events.push(action, Math.max(time, this.now));
  }

  /** Begins work that the clock waits for. Its rejection ends the run. */
  spawn(work: () => Promise<unknown>): void {
    this.#busy += 1;
    work().then(this.#leave, this.#fail);
  }

  /** A wait inside spawned work. `arrange` gets what ends it, to be called once from an event, or never. */
  wait(arrange: (resume: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      this.#busy -= 1;
      arrange(() => {
        this.#busy += 1;
        resolve();
      });
    });
  }

  /** Lets time pass until `end`, epoch ms. */
  async runUntil(end: number): Promise<void> {
    if (this.#busy > 0) await this.#rest();
    for (let next = this.#events.peekValue(); next !== undefined && next <= end; next = this.#events.peekValue()) {
      this.now = next;
      this.#events.pop()?.();
      if (this.#busy > 0) await this.#rest();
      if (this.#failure !== null) throw this.#failure.error;
    }
    this.now = end;
  }

  async #rest(): Promise<void> {
    for (let turns = 0; turns < MOST_TURNS; turns++) {
      for (let microtasks = 0; microtasks < MICROTASKS_BEFORE_TURN; microtasks++) {
        if (this.#busy === 0) return;
        await null;
      }
      await nextTurn();
    }
    throw new Error("Something waits for real time, which does not pass in a simulation.");
  }

  readonly #leave = (): void => {
    this.#busy -= 1;
  };

  readonly #fail = (error: unknown): void => {
    this.#busy -= 1;
    this.#failure ??= { error };
  };
}
