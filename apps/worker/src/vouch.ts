import { setTimeout as delay } from "node:timers/promises";
import { type BreakerPolicy, isBelievedUnvouched, isVouchedFor, type Vouching } from "@evergrant/core";
import { batch } from "./batch.ts";

/** The token was refused already: nothing is lost by asking again another time. */
const LONGEST_LOOK_MS = 1_000;
/** Of those that come at once, so that the first of them hear in time. */
const LONGEST_ROUND_MS = 500;
const MOST_AT_ONCE = 256;

/** Of a connection that has been refused as often as it takes to end its grant. */
export interface Ending {
  readonly connectionId: string;
  readonly appId: string;
  /** Epoch ms, by the database's clock, as `now`. */
  readonly firstStrikeAt: number;
  readonly now: number;
  /** How often it was refused, this time included. */
  readonly strikes: number;
  /** The client secret that it was refused with; null when none was sent. */
  readonly secretId: bigint | null;
}

/**
 * Says whether a grant may be ended: the app's other connections vouch for it, or nobody has for so long that it
 * has to be believed. While the rows cannot be read it may not: an ending is never urgent. Never rejects.
 */
export function createVouch({
  policy,
  read,
  onError,
}: {
  /** Null when the app is not known. */
  readonly policy: (appId: string) => Promise<BreakerPolicy | null>;
  readonly read: (
    refused: Pick<Ending, "connectionId" | "secretId">,
    policy: BreakerPolicy,
  ) => Promise<Vouching | null>;
  readonly onError: (error: unknown) => void;
}): (ending: Ending) => Promise<boolean> {
  const look = async (ending: Ending) => {
    const limits = await policy(ending.appId);
    // An app that is not known here is another look's business.
    if (limits === null) return false;
    if (isBelievedUnvouched(ending, limits)) return true;
    const vouching = await read(ending, limits);
    return vouching === null || isVouchedFor(vouching, limits);
  };
  const lookSafely = (ending: Ending) =>
    look(ending).catch((error: unknown) => {
      onError(error);
      return false;
    });
  /** One at a time, and none of those that come too late: settles and renewals need the database more. */
  const lookInTurn = batch<Ending, boolean>(async (endings) => {
    const startedAt = performance.now();
    const answers: boolean[] = [];
    for (const ending of endings) {
      answers.push(performance.now() - startedAt < LONGEST_ROUND_MS && (await lookSafely(ending)));
    }
    return answers;
  }, MOST_AT_ONCE);
  return (ending) => Promise.race([lookInTurn(ending), delay(LONGEST_LOOK_MS, false, { ref: false })]);
}
