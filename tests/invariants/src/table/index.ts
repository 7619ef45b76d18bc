import type { Invariant } from "../invariant.ts";
import { durableTokens } from "./durable-tokens.ts";
import { events } from "./events.ts";
import { generations } from "./generations.ts";
import { needsReauth } from "./needs-reauth.ts";
import { neverCancelled } from "./never-cancelled.ts";
import { oneInFlight } from "./one-in-flight.ts";
import { ourFaults } from "./our-faults.ts";
import { privileges } from "./privileges.ts";
import { redis } from "./redis.ts";
import { secrets } from "./secrets.ts";

/** The ten invariants, in their order. */
export const invariants: readonly Invariant[] = [
  oneInFlight,
  durableTokens,
  generations,
  needsReauth,
  ourFaults,
  redis,
  secrets,
  neverCancelled,
  events,
  privileges,
];
