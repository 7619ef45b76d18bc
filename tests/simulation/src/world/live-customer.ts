import type { Grant } from "@evergrant/testkit/rules";
import type { VirtualProcess } from "../fleet/virtual-process.ts";
import type { CustomerToBe } from "../provider/customer.ts";
import type { ConnectionRow } from "../store/tables.ts";

/** A customer while time passes: the stored row, and what only somebody who sees both sides can know. */
export interface LiveCustomer {
  readonly chosen: CustomerToBe;
  readonly row: ConnectionRow;
  /** All consents so far, the present one last. */
  readonly grants: Grant[];
  /** Token requests that the provider is serving at this moment. */
  readonly flights: VirtualProcess[];
  /** A rotation whose token set is stored nowhere yet. */
  pending: PendingRotation | null;
  /** Since when the provider may have a newer token than any that we hold; null when it has not. */
  unheardSince: number | null;
  /** A spent token of the present grant was presented outside any grace window: its answer had been lost. */
  wasReplayed: boolean;
  /** How it last came to need its customer. */
  ending: string | null;
  /** The provider's refusals since the last refresh that succeeded. */
  refusals: Refusal[];
  /** Until then its schedule was disturbed by something that hit this refresh alone; epoch ms. */
  disturbedUntil: number;
  /** When its present consent or mode began, epoch ms. */
  since: number;
}

export interface Refusal {
  readonly at: number;
  /** Whether it was about our credentials, and not about the grant. */
  readonly isOurMistake: boolean;
}

export interface PendingRotation {
  readonly at: number;
  readonly grant: Grant;
  readonly generation: number;
  /** Who asked, and is to store it. */
  readonly process: VirtualProcess;
  /** Whether the answer was lost on the way. */
  readonly isLost: boolean;
}

export function presentGrant({ grants, chosen }: LiveCustomer): Grant {
  const grant = grants.at(-1);
  if (grant === undefined) throw new Error(`${chosen.id} has no grant.`);
  return grant;
}
