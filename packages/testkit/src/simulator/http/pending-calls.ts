import type { TokenCall } from "../token/token-call.ts";

/** Token requests that were received and have not been carried out yet, because a fault keeps them waiting. */
export class PendingCalls {
  readonly #calls = new Map<TokenCall, { isAbandoned: boolean }>();

  /** How many of them nobody waits for any more. They will be carried out all the same. */
  get abandoned(): number {
    return [...this.#calls.values()].filter((call) => call.isAbandoned).length;
  }

  received(call: TokenCall): void {
    this.#calls.set(call, { isAbandoned: false });
  }

  clientGone(call: TokenCall): void {
    const pending = this.#calls.get(call);
    if (pending) pending.isAbandoned = true;
  }

  carriedOut(call: TokenCall): void {
    this.#calls.delete(call);
  }
}
