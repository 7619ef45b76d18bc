import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ProcessAnswer, type SimulatorClient, toImportLine } from "@evergrant/testkit";
import type { AppUnderTest } from "./apps.ts";

/** The customers: which grant at the provider each connection stands for, one after the other. */
export interface Population {
  /** Every connection that was ever imported. */
  readonly connectionIds: readonly string[];
  connectionOf(grantId: string): string | null;
  /** The grants of a connection, oldest first; each is its grant from `since` on (epoch ms). */
  grantsOf(connectionId: string): readonly GrantInTime[];
  /** The grants that may be the connection's at this moment: more than one while an import is not confirmed. */
  currentGrantsOf(connectionId: string): readonly string[];
  /** New customers. */
  add(app: AppUnderTest, count: number): Promise<void>;
  /**
   * The customers of these connections consent anew, and the operator imports what that brings. Safe to repeat
   * after an error, when nobody knows what was stored.
   *
   * @returns the connections that have a new grant now. One that is missing had become active meanwhile.
   */
  reconnect(connections: readonly { readonly id: string; readonly appId: string }[]): Promise<readonly string[]>;
}

interface GrantInTime {
  readonly grantId: string;
  readonly since: number;
}

export type Operator = (args: readonly string[], input?: string) => Promise<ProcessAnswer>;

export function createPopulation(provider: SimulatorClient, operator: Operator): Population {
  const grants = new Map<string, readonly GrantInTime[]>();
  const connections = new Map<string, string>();
  /** New grants by connection, until their import is confirmed. */
  const pending = new Map<string, GrantInTime & { readonly line: string }>();
  const assign = (connectionId: string, { grantId, since }: GrantInTime) =>
    void grants.set(connectionId, [...(grants.get(connectionId) ?? []), { grantId, since }]);

  async function consentAnew(list: readonly { readonly id: string; readonly appId: string }[]): Promise<void> {
    const fresh = list.filter(({ id }) => !pending.has(id));
    for (const appId of new Set(fresh.map((connection) => connection.appId))) {
      const ids = fresh.filter((connection) => connection.appId === appId).map(({ id }) => id);
      const minted = await provider.mint({ clientId: appId, count: ids.length, idPrefix: "again" });
      for (const [index, grant] of minted.entries()) {
        const id = ids[index] ?? "";
        connections.set(grant.id, id);
        pending.set(id, { grantId: grant.id, since: Date.now(), line: toImportLine(appId, grant, { id }) });
      }
    }
  }

  return {
    get connectionIds() {
      return [...grants.keys()];
    },
    connectionOf: (grantId) => connections.get(grantId) ?? null,
    grantsOf: (connectionId) => grants.get(connectionId) ?? [],
    currentGrantsOf(connectionId) {
      const possible = [grants.get(connectionId)?.at(-1), pending.get(connectionId)];
      return possible.flatMap((grant) => grant?.grantId ?? []);
    },
    async add(app, count) {
      const minted = await provider.mint({ clientId: app.id, count, idPrefix: app.kind });
      for (const { id } of minted) {
        connections.set(id, id);
        assign(id, { grantId: id, since: Date.now() });
      }
      await importLines(
        operator,
        minted.map((grant) => toImportLine(app.id, grant)),
      );
    },
    async reconnect(list) {
      await consentAnew(list);
      const lines = [...pending.values()].map(({ line }) => line);
      const stored: string[] = [];
      for (const { id, result } of lines.length === 0 ? [] : await importLines(operator, lines)) {
        const grant = pending.get(id);
        pending.delete(id);
        if (grant === undefined || result === "rejected") continue;
        assign(id, grant);
        stored.push(id);
      }
      return stored;
    },
  };
}

interface ImportedLine {
  readonly id: string;
  /** `unchanged`: an earlier import had stored it. `rejected`: it is active with another token. */
  readonly result: string;
}

/** @throws Error when it did not come to its end: then some lines may be stored */
async function importLines(operator: Operator, lines: readonly string[]): Promise<ImportedLine[]> {
  const { code, stdout, stderr } = await operator(["connection", "import", "-", "--json"], lines.join("\n"));
  const answers = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line): ImportedLine & { readonly summary?: object } => JSON.parse(line));
  if (!answers.some(({ summary }) => summary !== undefined)) {
    throw new Error(`evergrant connection import ended with ${code}: ${stderr}`);
  }
  return answers.filter(({ summary }) => summary === undefined);
}

/** Registers an app at the provider and at Evergrant. */
export async function registerApp(
  app: AppUnderTest,
  tokenUrl: string,
  secret: string,
  { provider, operator, folder }: { provider: SimulatorClient; operator: Operator; folder: string },
): Promise<void> {
  await provider.register({ id: app.id, kind: app.kind, secrets: [secret] });
  const file = join(folder, `${app.id}.json`);
  await writeFile(file, JSON.stringify({ tokenUrl, ...app.descriptor }));
  const args = ["app", "add", app.id, "--provider", app.provider, "--client-id", app.id, "--descriptor", file];
  await runOrThrow(operator, args, `${secret}\n`);
}

export async function runOrThrow(operator: Operator, args: readonly string[], input?: string): Promise<void> {
  const { code, stdout, stderr } = await operator(args, input);
  if (code !== 0) throw new Error(`evergrant ${args.join(" ")} ended with ${code}: ${stderr}${stdout.slice(-2_000)}`);
}
