import { type ExitCode, exitCodes } from "@evergrant/runtime/command";
import { listApps, type OAuthAppSummary } from "@evergrant/store";
import type { Command } from "commander";
import type { Io } from "../io.ts";
import { createPrinter } from "../print/printer.ts";
import { table } from "../print/table.ts";
import type { CommandContext } from "../program.ts";
import { withStore } from "../with-store.ts";
import { jsonOption } from "./options.ts";

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("list")
    .description("list the OAuth apps")
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => finish(await runAppList(io, options)));
}

async function runAppList(io: Io, options: { readonly json?: boolean }): Promise<ExitCode> {
  const printer = createPrinter(io, options);
  const apps = await withStore(io, ({ store }) => listApps(store));
  printer.json({ apps: apps.map(({ descriptor: _, ...app }) => app) });
  if (apps.length === 0)
    printer.line("No apps yet. Add one with: evergrant app add <id> --provider xero --client-id <client id>");
  else
    printer.line(
      table(["APP", "PROVIDER", "ENVIRONMENT", "CLIENT ID", "SECRETS", "BREAKER", "LIMITS"], apps.map(toRow)),
    );
  return exitCodes.ok;
}

function toRow(app: OAuthAppSummary): (string | number)[] {
  const breaker = app.breakerReason === null ? app.breakerState : `${app.breakerState}: ${app.breakerReason}`;
  return [app.id, app.provider, app.environment, app.clientId, app.secrets, breaker, limitsOf(app)];
}

function limitsOf({ maxConcurrent, maxPerSecond }: OAuthAppSummary): string {
  const limits = [
    ...(maxConcurrent === null ? [] : [`${maxConcurrent} at once`]),
    ...(maxPerSecond === null ? [] : [`${maxPerSecond}/s`]),
  ];
  return limits.length === 0 ? "-" : limits.join(", ");
}
