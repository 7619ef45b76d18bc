import type { Random } from "@evergrant/testkit/rules";
import type { Backend, World } from "../world/world.ts";

/**
 * Parts of the world that faults have in common. One that `disturbs` a part runs alone with it; one that
 * `needs` a part waits until nobody disturbs it, and keeps others from disturbing it until it is healed.
 */
export type Part =
  | "postgres"
  | "redis"
  | "provider"
  /** At least two workers, which take each other's work. */
  | "workers"
  | "schedulers"
  /** Client secrets, and the breakers that follow from them. */
  | "settings"
  /** The table of tokens. */
  | "tokens"
  /** Every answer of a provider arrives within moments. */
  | "answers";

/** One way of hurting the fleet. */
export interface FaultKind {
  /** Its name in reports: what is done to what. */
  readonly kind: string;
  /** How often it is drawn, in comparison with others. */
  readonly weight: number;
  /** Absent: it can be produced whatever the queues are kept in. */
  readonly backend?: Backend;
  readonly needs: readonly Part[];
  readonly disturbs?: readonly Part[];
  /** Where it takes time. */
  readonly lengths?: Lengths;
  /**
   * Hurts. Resolves when the harm is done and everything about it is accounted for.
   *
   * @throws NotPlaced when the moment that it waits for did not come
   */
  inject(world: World, run: FaultRun): Promise<Injected>;
}

/** Milliseconds. */
export interface Lengths {
  readonly short: number;
  /** As long as in earnest, and how many of a long campaign are. */
  readonly long?: { readonly ms: number; readonly times: number };
}

/** One fault of a campaign, as drawn. */
export interface FaultRun {
  /** From 1. */
  readonly number: number;
  readonly kind: string;
  /** Of this fault's own: what it chooses does not depend on the others. */
  readonly random: Random;
  /** 0 for a kind that takes no time. */
  readonly lengthMs: number;
  /** Adds to the journal of the campaign. */
  note(details: object): void;
}

export interface Injected {
  /** How long it goes on before it is healed; other faults may come meanwhile. */
  readonly lastsMs?: number;
  /** Puts right what was done. Once it resolves, nothing of it is left. */
  heal?(): Promise<void>;
  /** The connections that it kept waiting; absent: those that are due when it is healed. Null: it is not to be measured. */
  readonly felt?: readonly string[] | null;
  /** Since when they wait, epoch ms; absent: since it was healed. */
  readonly since?: number;
}

/** The moment that a fault waits for did not come: it is tried again. */
export class NotPlaced extends Error {
  override readonly name = "NotPlaced";
}
