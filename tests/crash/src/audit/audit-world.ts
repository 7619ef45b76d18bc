import type { GrantAudit } from "@evergrant/testkit";
import type { World } from "../world/world.ts";
import type { HeldToken } from "./holdings.ts";
import type { JudgedLosses, Loss } from "./losses.ts";
import { type GrantStory, tellStories } from "./tell-stories.ts";

/** What the provider and the rows say in the end. */
export interface FinalAudit {
  /** Token sets that the providers issued. */
  readonly refreshes: number;
  readonly requests: number;
  readonly connections: number;
  readonly grants: number;
  readonly losses: JudgedLosses;
  /** How long the oldest answer that died with a worker had been in its memory alone. */
  readonly longestInMemoryMs: number;
  /** Requests that arrived while another one for the same grant was under way, by grant. */
  readonly overlaps: readonly CountedGrant[];
  /** Connections that hold no newer token than one that only a grace window still keeps alive. */
  readonly heldInGrace: readonly string[];
  /** Spent tokens presented outside a grace window, by grant; those of lost grants are apart. */
  readonly spentPresented: readonly CountedGrant[];
  readonly spentPresentedOfLost: number;
  readonly spentPresentedInGrace: number;
  readonly revived: number;
  readonly candidatesUsed: number;
  readonly settledFromEscrow: number;
  /** Of grants of which a promise was broken. */
  readonly stories: readonly GrantStory[];
}

export interface CountedGrant {
  readonly grantId: string;
  readonly count: number;
  /** When it last happened, epoch ms. */
  readonly at: number;
}

/**
 * Judges every grant, after the fleet has been stopped in order: what is held now is all there is.
 *
 * A connection that holds no accepted token of its own customer's grant is lost; one that we say needs a new
 * consent although a token that we hold is accepted was ended falsely, and so was one that the journal says was
 * ended for no reason at all.
 */
export async function auditWorld(world: World): Promise<FinalAudit> {
  const { provider, postgres, losses, population } = world;
  const heldInGrace = await judgeStored(world);
  await judgeJournal(world);
  const audit = await provider.audit();
  const grants = await provider.auditGrants();
  const kinds = await postgres.query<{ kind: string; count: number }>(
    "SELECT kind, count(*)::int AS count FROM refresh_event GROUP BY kind",
  );
  const countOf = (kind: string) => kinds.find((row) => row.kind === kind)?.count ?? 0;
  const judged = losses.judge();
  const overlaps = grants.flatMap((grant) => counted(grant.id, misuses(grant, "requests overlapped"), grant.overlaps));
  const spentPresented = grants.flatMap((grant) => {
    const all = misuses(grant, "spent token presented outside its grace window");
    return counted(
      grant.id,
      all.filter((at) => !losses.hasExplained(grant.id, at)),
    );
  });
  const harmed = [judged.lostByUs, judged.exposedButAlive, judged.falselyEnded, overlaps, spentPresented];
  return {
    refreshes: audit.answers.rotated + audit.answers.renewed,
    requests: audit.requests,
    connections: population.connectionIds.length,
    grants: audit.grants,
    losses: judged,
    longestInMemoryMs: losses.longestInMemoryMs,
    overlaps,
    heldInGrace,
    spentPresented,
    spentPresentedOfLost: audit.spentPresented.outsideGrace - sum(spentPresented.map(({ count }) => count)),
    spentPresentedInGrace: audit.spentPresented.insideGrace,
    revived: countOf("revived"),
    candidatesUsed: countOf("candidate_used"),
    settledFromEscrow: countOf("settled_from_escrow"),
    stories: await tellStories(
      world,
      harmed.flat().map(({ grantId }) => grantId),
    ),
  };
}

/**
 * Every customer's connection, whether or not its row is still there. What it holds has to be of the grant that
 * its customer gave it: another's is of no use to it.
 *
 * @returns the connections that live by a grace window only
 */
async function judgeStored({ postgres, population, holdings, losses }: World): Promise<string[]> {
  const held = new Map<string, HeldToken[]>();
  for (const token of await holdings.read())
    held.set(token.connectionId, [...(held.get(token.connectionId) ?? []), token]);
  const rows = await postgres.query<{ id: string; state: string }>("SELECT id, state::text FROM connection");
  const states = new Map(rows.map(({ id, state }) => [id, state]));
  const heldInGrace: string[] = [];
  for (const connectionId of population.connectionIds) {
    const grantIds = population.currentGrantsOf(connectionId);
    const own = (held.get(connectionId) ?? []).filter((token) => grantIds.includes(token.grantId ?? ""));
    const grantId = grantIds.at(-1) ?? `the grant of ${connectionId}`;
    const at = Math.max(0, ...own.map(({ grant }) => grant?.newestIssuedAt ?? 0));
    const loss: Loss = { grantId, connectionId, at };
    if (!states.has(connectionId) || !own.some((token) => token.accepted)) losses.lose(loss);
    else if (states.get(connectionId) === "needs_reauth") losses.endFalsely(loss);
    else if (!own.some(({ verdict }) => verdict === "current")) heldInGrace.push(connectionId);
  }
  return heldInGrace;
}

/** Every ending that was ever written has to be of a grant that was exposed before. */
async function judgeJournal({ postgres, population, losses }: World): Promise<void> {
  const endings = await postgres.query<{ id: string; at: number }>(
    `SELECT connection_id AS id, (extract(epoch FROM at) * 1000)::float8 AS at
     FROM refresh_event WHERE kind = 'needs_reauth'`,
  );
  for (const { id, at } of endings) {
    const grantId = population.grantsOf(id).findLast(({ since }) => since <= at)?.grantId;
    if (grantId !== undefined && !losses.hasExplained(grantId, at))
      losses.endFalsely({ grantId, connectionId: id, at });
  }
}

function misuses(grant: GrantAudit, what: GrantAudit["misuses"][number]["what"]): number[] {
  return grant.misuses.filter((misuse) => misuse.what === what).map(({ at }) => at);
}

function counted(grantId: string, times: readonly number[], count = times.length): CountedGrant[] {
  return count === 0 ? [] : [{ grantId, count, at: times.at(-1) ?? 0 }];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
