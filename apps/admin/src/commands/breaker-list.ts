import { type ExitCode, exitCodes } from "@evergrant/runtime/command";
import { listBreakers } from "@evergrant/store";
import type { Command } from "commander";
import type { Io } from "../io.ts";
import { describeBreakers } from "../print/describe-breaker.ts";
import { createPrinter } from "../print/printer.ts";
import type { CommandContext } from "../program.ts";
import { withStore } from "../with-store.ts";
import { jsonOption } from "./options.ts";

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("list")
    .description("show every app's breaker; where one is open: why, since when, and what to do")
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => finish(await runBreakerList(io, options)));
}

async function runBreakerList(io: Io, options: { readonly json?: boolean }): Promise<ExitCode> {
  const printer = createPrinter(io, options);
  const breakers = await withStore(io, ({ store }) => listBreakers(store));
  printer.json({ breakers: breakers.map(({ appId, ...breaker }) => ({ app: appId, ...breaker })) });
  if (breakers.length === 0)
    printer.line("No apps yet. Add one with: evergrant app add <id> --provider xero --client-id <client id>");
  else printer.line(describeBreakers(breakers, printer.colors, Date.now()));
  return exitCodes.ok;
}
