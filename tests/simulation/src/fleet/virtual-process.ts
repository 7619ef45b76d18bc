import type { VirtualClock } from "../clock/virtual-clock.ts";

/** A process of the fleet: it can be killed, and it can be stopped for a while and wake without knowing. */
export class VirtualProcess {
  readonly name: string;
  readonly clock: VirtualClock;
  isDead = false;
  /** Until then it does nothing; epoch ms. */
  stoppedUntil = Number.NEGATIVE_INFINITY;

  constructor(name: string, clock: VirtualClock) {
    this.name = name;
    this.clock = clock;
  }

  get isRunning(): boolean {
    return !this.isDead && this.stoppedUntil <= this.clock.now;
  }

  sleep(ms: number): Promise<void> {
    return this.clock.wait((resume) => this.at(this.clock.now + ms, resume));
  }

  /** Runs `action` at a time, as this process: later if it is stopped then, never if it is dead. */
  at(time: number, action: () => void): void {
    this.clock.at(time, () => this.whenRunning(action));
  }

  whenRunning(action: () => void): void {
    if (this.isDead) return;
    if (this.stoppedUntil > this.clock.now) this.at(this.stoppedUntil, action);
    else action();
  }

  /** SIGKILL: what it was about to do never happens. */
  die(): void {
    this.isDead = true;
  }

  /** SIGSTOP, with SIGCONT at `until`. */
  stop(until: number): void {
    this.stoppedUntil = Math.max(this.stoppedUntil, until);
  }

  /** Where the code goes on after it was killed or stopped: nowhere, or later. */
  pause(): Promise<void> {
    return this.clock.wait((resume) => this.at(this.clock.now, resume));
  }
}
