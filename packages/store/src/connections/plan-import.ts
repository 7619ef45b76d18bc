import { type ConnectionState, dueAfterImport, type ProviderDescriptor, type RefreshMode } from "@evergrant/core";
import type { ConnectionToImport, ImportResult } from "./connection-to-import.ts";

const APPS_SHOWN = 5;

/** What the store knows about the lines of a batch. */
export interface KnownGrants {
  readonly connections: ReadonlyMap<string, KnownConnection>;
  /** Which connection a refresh token belongs to, by the token's fingerprint in hex. */
  readonly owners: ReadonlyMap<string, string>;
  /** The database's clock, epoch ms. */
  readonly now: number;
}

export interface KnownConnection {
  readonly appId: string;
  readonly state: ConnectionState;
  readonly mode: RefreshMode;
  readonly generation: number;
  /** Of the current refresh token, in hex; null when it has none any more. */
  readonly fingerprint: string | null;
}

export interface ImportPlan {
  /** One per line, in order. */
  readonly results: readonly ImportResult[];
  /** At most one per connection. */
  readonly writes: readonly PlannedWrite[];
}

export interface PlannedWrite {
  readonly line: ConnectionToImport;
  /** Null for a connection that is not stored yet. */
  readonly previousState: ConnectionState | null;
  readonly mode: RefreshMode;
  readonly generation: number;
  readonly dueAt: number | null;
  /** Fingerprints of every token of this batch that became this connection's, the current one last. */
  readonly fingerprints: readonly string[];
}

/**
 * Decides what becomes of each line, as if the lines were imported one after the other. Pure: what is
 * stored goes in, results and rows to write come out. A rejected line has no effect on the others.
 *
 * @param fingerprintOf the keyed fingerprint of a refresh token, in hex
 */
export function planImport(
  lines: readonly ConnectionToImport[],
  known: KnownGrants,
  descriptors: ReadonlyMap<string, ProviderDescriptor>,
  options: { readonly replace: boolean; readonly fingerprintOf: (refreshToken: string) => string },
): ImportPlan {
  const connections = new Map(known.connections);
  const owners = new Map(known.owners);
  const writes = new Map<string, PlannedWrite>();

  const results = lines.map((line): ImportResult => {
    const fingerprint = options.fingerprintOf(line.refreshToken);
    const existing = connections.get(line.id);
    const descriptor = descriptors.get(line.appId);
    if (descriptor === undefined)
      return { id: line.id, result: "rejected", reason: unknownApp([...descriptors.keys()]) };
    const verdict = judgeLine(line, { existing, owner: owners.get(fingerprint), fingerprint }, options.replace);
    if (verdict.result === "rejected" || verdict.result === "unchanged") return verdict;

    const write = planWrite(line, { existing, earlier: writes.get(line.id), fingerprint, descriptor, now: known.now });
    writes.set(line.id, write);
    owners.set(fingerprint, line.id);
    connections.set(line.id, { ...write, appId: line.appId, state: "active", fingerprint });
    return verdict;
  });
  return { results, writes: [...writes.values()] };
}

function judgeLine(
  { id, appId }: ConnectionToImport,
  found: {
    readonly existing: KnownConnection | undefined;
    readonly owner: string | undefined;
    readonly fingerprint: string;
  },
  replace: boolean,
): ImportResult {
  const rejected = (reason: string): ImportResult => ({ id, result: "rejected", reason });
  const { existing, owner } = found;
  if (existing !== undefined && existing.appId !== appId) {
    return rejected(`this id belongs to a connection of app "${existing.appId}"`);
  }
  const hasToken = existing !== undefined && existing.fingerprint !== null;
  if ((owner === id && hasToken) || existing?.fingerprint === found.fingerprint) return { id, result: "unchanged" };
  if (owner !== undefined && owner !== id)
    return rejected(`this refresh token is already stored under connection "${owner}"`);
  if (existing === undefined) return { id, result: "imported" };
  if (existing.state === "needs_reauth" || !hasToken) return { id, result: "reconnected" };
  if (replace) return { id, result: "replaced" };
  return rejected("already active with another token; use --replace to overwrite it");
}

function unknownApp(known: readonly string[]): string {
  if (known.length === 0) return "unknown app; there is none yet, add one with: evergrant app add";
  const shown = known.slice(0, APPS_SHOWN).join(", ");
  return `unknown app; known are ${shown}${known.length > APPS_SHOWN ? " and others" : ""}`;
}

function planWrite(
  line: ConnectionToImport,
  from: {
    readonly existing: KnownConnection | undefined;
    readonly earlier: PlannedWrite | undefined;
    readonly fingerprint: string;
    readonly descriptor: ProviderDescriptor;
    readonly now: number;
  },
): PlannedWrite {
  const { existing, earlier, descriptor, now } = from;
  const mode = line.mode ?? existing?.mode ?? descriptor.schedule.mode;
  const schedule = {
    id: line.id,
    mode,
    accessTokenExpiresAt: line.accessTokenExpiresAt,
    grantExpiresAt: line.refreshTokenExpiresAt,
    grantHardExpiresAt: null,
  };
  return {
    line,
    previousState: earlier === undefined ? (existing?.state ?? null) : earlier.previousState,
    mode,
    generation: (existing?.generation ?? 0) + 1,
    dueAt: dueAfterImport(schedule, descriptor, now),
    fingerprints: [...(earlier?.fingerprints ?? []), from.fingerprint],
  };
}
