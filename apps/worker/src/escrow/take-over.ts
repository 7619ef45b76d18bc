import type { Claim, Settlement, SettleResult } from "@evergrant/store";
import type { AwaitedRequest, EscrowKeeper } from "./escrow-keeper.ts";
import { settleWaiting, type WaitingParts } from "./settle-waiting.ts";
import type { WaitingSettlement } from "./settlement-text.ts";

/**
 * How a claim of a lost worker's refresh goes on. `settled`: by what that worker had put into the escrow.
 * `nothing`: its outcome is unknown, the provider has to be asked. `awaited`: that worker is not lost, only
 * cut off from the database. `unreadable`: nobody can tell now. In the last two cases nobody may ask: the token
 * may be spent, and the next one on its way.
 */
export type TakeOverVerdict = "settled" | "nothing" | "awaited" | "unreadable";

/** Takes over many at once with one look into the escrow. Answers in order; never rejects. */
export function createTakeOver({
  escrow,
  onError,
  ...parts
}: Omit<WaitingParts, "escrow"> & {
  readonly escrow: Pick<EscrowKeeper, "readAll" | "readAwaited" | "remove">;
  readonly onError: (error: unknown) => void;
}): (claims: readonly Claim[]) => Promise<TakeOverVerdict[]> {
  const settleFor = async (claim: Claim, left: WaitingSettlement): Promise<TakeOverVerdict> => {
    try {
      await settleWaiting([left], { ...parts, escrow, write: inNameOf(claim, parts.write) });
      return "settled";
    } catch (error) {
      onError(error);
      return "unreadable";
    }
  };
  return async (claims) => {
    // In this order: whoever stops awaiting an answer has put it into the escrow by then.
    const { awaited, complete: sawAwaited } = await escrow.readAwaited(claims.map(requestOf));
    const { waiting, complete } = await escrow.readAll();
    return Promise.all(
      claims.map((claim, index) => {
        const left = lastOf(waiting, claim);
        // Any answer but a rotation left the token as it was: whoever still asks with it may be the one who rotates it.
        const isAwaited = awaited[index] === true && !(left !== undefined && hasRotated(left));
        if (isAwaited) return "awaited";
        if (left !== undefined) return settleFor(claim, left);
        return complete && sawAwaited ? "nothing" : "unreadable";
      }),
    );
  };
}

function requestOf({ connection, generation }: Claim): AwaitedRequest {
  return { connectionId: connection.id, generation };
}

/**
 * Only what presented the token that is still current can end this refresh. A rotation before all else: a worker that
 * is cut off puts its old failure again and again, and another may have asked since.
 */
function lastOf(waiting: readonly WaitingSettlement[], claim: Claim): WaitingSettlement | undefined {
  return waiting
    .filter(({ settlement }) => settlement.connectionId === claim.connection.id)
    .filter(({ settlement }) => settlement.generation === claim.generation)
    .toSorted((one, other) => Number(hasRotated(one)) - Number(hasRotated(other)) || one.putAt - other.putAt)
    .at(-1);
}

function hasRotated({ settlement }: WaitingSettlement): boolean {
  return settlement.outcome === "rotated";
}

/** The claim has replaced the lost worker's intent: the settle ends ours. */
function inNameOf(
  { intentId }: Claim,
  write: WaitingParts["write"],
): (settlements: readonly Settlement[]) => Promise<readonly SettleResult[]> {
  return (settlements) => write(settlements.map((settlement) => ({ ...settlement, intentId })));
}
