import { UserError } from "@evergrant/runtime/command";
import { type ConnectionFilter, countConnections, listConnections } from "@evergrant/store/requests";
import { confirm } from "../confirm.ts";
import type { Io } from "../io.ts";
import type { RefreshSource } from "./open-source.ts";

const PAGE_SIZE = 1_000;
/** More than this at once is asked about: it may be a slip, and a provider notices. */
const MOST_UNASKED = 1_000;

/**
 * The ids that a command line means, a page at a time: those named, or those that match.
 *
 * @throws UserError when it names both or neither, or when a large choice is not confirmed
 */
export async function* chooseConnections(
  io: Io,
  source: RefreshSource,
  choice: { readonly ids: readonly string[]; readonly filter: ConnectionFilter; readonly isSure: boolean },
): AsyncGenerator<readonly string[], void> {
  const { ids, filter, isSure } = choice;
  const hasFilter = Object.values(filter).some((condition) => condition !== undefined);
  if (ids.length > 0 === hasFilter) {
    throw new UserError(
      hasFilter
        ? "name connections, or use --app, --state or --stale, not both"
        : "nothing to refresh: name connections, or use --app, --state or --stale",
    );
  }
  const total = hasFilter ? await countConnections(source, filter) : ids.length;
  if (total > MOST_UNASKED && !isSure) await confirm(io, `This refreshes ${total} connections.`);
  yield* hasFilter ? matching(source, filter) : cut(ids);
}

function* cut(ids: readonly string[]): Generator<readonly string[], void> {
  for (let start = 0; start < ids.length; start += PAGE_SIZE) yield ids.slice(start, start + PAGE_SIZE);
}

async function* matching(source: RefreshSource, filter: ConnectionFilter): AsyncGenerator<readonly string[], void> {
  for (let after: string | null = null; ; ) {
    const page: readonly { readonly id: string }[] = await listConnections(source, filter, { after, limit: PAGE_SIZE });
    if (page.length > 0) yield page.map(({ id }) => id);
    if (page.length < PAGE_SIZE) return;
    after = page.at(-1)?.id ?? null;
  }
}
