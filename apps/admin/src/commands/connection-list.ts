import { CONNECTION_STATES, type ConnectionState } from "@evergrant/core";
import { type ExitCode, exitCodes } from "@evergrant/runtime/command";
import { type ConnectionSummary, listConnections } from "@evergrant/store";
import { type Command, Option } from "commander";
import type { Io } from "../io.ts";
import { createPrinter } from "../print/printer.ts";
import { table } from "../print/table.ts";
import { when } from "../print/when.ts";
import type { CommandContext } from "../program.ts";
import { withStore } from "../with-store.ts";
import { jsonOption, whole } from "./options.ts";

interface ListOptions {
  readonly app?: string;
  readonly state?: ConnectionState;
  readonly customer?: string;
  readonly stale?: boolean;
  readonly limit: number;
  readonly cursor?: string;
  readonly json?: boolean;
}

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("list")
    .description("list connections in the order of their ids")
    .option("--app <id>", "only those of this app")
    .addOption(new Option("--state <state>", "only those in this state").choices(CONNECTION_STATES))
    .option("--customer <name>", "only those of this customer")
    .option("--stale", "only active ones in mode fresh whose access token has expired")
    .option("--limit <n>", "how many", whole(1, 1_000), 50)
    .option("--cursor <id>", "go on after this id, the last one of the page before")
    .addOption(jsonOption())
    .action(async (options: ListOptions) => finish(await runConnectionList(io, options)));
}

async function runConnectionList(io: Io, options: ListOptions): Promise<ExitCode> {
  const printer = createPrinter(io, options);
  const filter = { appId: options.app, state: options.state, customer: options.customer, stale: options.stale };
  const page = { after: options.cursor ?? null, limit: options.limit + 1 };
  const found = await withStore(io, ({ store }) => listConnections(store, filter, page));
  const connections = found.slice(0, options.limit);
  const nextCursor = found.length > options.limit ? (connections.at(-1)?.id ?? null) : null;

  printer.json({ connections, nextCursor });
  if (connections.length === 0) printer.line("No connections match.");
  else
    printer.line(
      table(["CONNECTION", "APP", "CUSTOMER", "STATE", "MODE", "ACCESS TOKEN", "DUE", "LAST"], rowsOf(connections)),
    );
  if (nextCursor !== null) printer.line(`More follow: --cursor ${nextCursor}`);
  return exitCodes.ok;
}

function rowsOf(connections: readonly ConnectionSummary[]): string[][] {
  const now = Date.now();
  return connections.map((connection) => [
    connection.id,
    connection.appId,
    connection.customer ?? "-",
    connection.state,
    connection.mode,
    expiry(connection.accessTokenExpiresAt, now),
    when(connection.dueAt, now),
    connection.lastOutcome === null ? "-" : `${connection.lastOutcome} ${when(connection.lastAttemptAt, now)}`,
  ]);
}

function expiry(expiresAt: number | null, now: number): string {
  if (expiresAt === null) return "unknown";
  return expiresAt > now ? `expires ${when(expiresAt, now)}` : `expired ${when(expiresAt, now)}`;
}
