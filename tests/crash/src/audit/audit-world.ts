import type { GrantAudit } from "@evergrant/testkit";
import type { World } from "../world/world.ts";
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
  /** Requests that arrived while another one for the same grant was under way, by grant. */
  readonly overlaps: readonly CountedGrant[];
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
 * A connection whose tokens are all refused is lost; one that we say needs a new consent although a token that
 * we hold is accepted was ended falsely, and so was one that the journal says was ended for no reason at all.
 */
export async function auditWorld(world: World): Promise<FinalAudit> {
  const { provider, postgres, losses, population } = world;
  await judgeStored(world);
  await judgeJournal(world);
  const audit = await provider.audit();
  const grants = await provider.auditGrants();
  const isExplained = ({ id, lastMisusedAt }: GrantAudit) => losses.hasExplained(id, lastMisusedAt ?? 0);
  const spent = grants.filter((grant) => grant.spentPresented.outsideGrace > 0);
  const kinds = await postgres.query<{ kind: string; count: number }>(
    "SELECT kind, count(*)::int AS count FROM refresh_event GROUP BY kind",
  );
  const countOf = (kind: string) => kinds.find((row) => row.kind === kind)?.count ?? 0;
  const judged = losses.judge();
  const overlaps = grants.filter((grant) => grant.overlaps > 0).map((grant) => counted(grant, grant.overlaps));
  const spentPresented = spent
    .filter((grant) => !isExplained(grant))
    .map((grant) => counted(grant, grant.spentPresented.outsideGrace));
  const harmed = [judged.lostByUs, judged.exposedButAlive, judged.falselyEnded, overlaps, spentPresented];
  return {
    refreshes: audit.answers.rotated + audit.answers.renewed,
    requests: audit.requests,
    connections: population.connectionIds.length,
    grants: audit.grants,
    losses: judged,
    overlaps,
    spentPresented,
    spentPresentedOfLost: sum(spent.filter(isExplained).map((grant) => grant.spentPresented.outsideGrace)),
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

async function judgeStored({ postgres, holdings, losses }: World): Promise<void> {
  const held = await holdings.read();
  const rows = await postgres.query<{ id: string; state: string }>("SELECT id, state::text FROM connection");
  const current = new Map(
    held.filter(({ place }) => place === "token set").map((token) => [token.connectionId, token]),
  );
  const accepted = new Set(
    held.filter((token) => token.accepted).map((token) => `${token.connectionId} ${token.grantId}`),
  );
  for (const { id, state } of rows) {
    const { grantId, grant } = current.get(id) ?? {};
    const loss: Loss = { grantId: grantId ?? `the grant of ${id}`, connectionId: id, at: grant?.newestIssuedAt ?? 0 };
    if (!accepted.has(`${id} ${grantId}`)) losses.lose(loss);
    else if (state === "needs_reauth") losses.endFalsely(loss);
  }
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

function counted({ id, lastMisusedAt }: GrantAudit, count: number): CountedGrant {
  return { grantId: id, count, at: lastMisusedAt ?? 0 };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
