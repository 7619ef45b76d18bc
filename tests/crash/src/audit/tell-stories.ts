import type { GrantHistory } from "@evergrant/testkit";
import type { World } from "../world/world.ts";

/** What both sides know of a grant of which a promise was broken. */
export interface GrantStory {
  readonly grantId: string;
  readonly connectionId: string | null;
  readonly provider: GrantHistory;
  /** The newest entries of our journal about its connection, oldest first. */
  readonly journal: readonly object[];
}

const most = 5;
const entriesTold = 15;

/** The stories of the first few of these grants: from them it is told at which moment a token went astray. */
export async function tellStories(world: World, grantIds: readonly string[]): Promise<GrantStory[]> {
  const first = [...new Set(grantIds)].slice(0, most);
  return Promise.all(first.map((grantId) => tellStory(world, grantId)));
}

async function tellStory({ provider, postgres, population }: World, grantId: string): Promise<GrantStory> {
  const connectionId = population.connectionOf(grantId);
  const journal = await postgres.query(
    `SELECT (extract(epoch FROM at) * 1000)::float8 AS at, kind, generation, detail
     FROM refresh_event WHERE connection_id = $1 ORDER BY id DESC LIMIT $2`,
    [connectionId, entriesTold],
  );
  return { grantId, connectionId, provider: await provider.grantHistory(grantId), journal: journal.toReversed() };
}
