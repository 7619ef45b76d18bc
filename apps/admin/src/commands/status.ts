import { type ExitCode, exitCodes } from "@evergrant/runtime/command";
import { readStatusReport } from "@evergrant/store";
import type { Command } from "commander";
import type { Io } from "../io.ts";
import { describeStatus } from "../print/describe-status.ts";
import { createPrinter } from "../print/printer.ts";
import type { CommandContext } from "../program.ts";
import { withStore } from "../with-store.ts";
import { duration, jsonOption } from "./options.ts";

interface StatusOptions {
  readonly timeout: number;
  readonly json?: boolean;
}

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("status")
    .description("show the fleet: connections by app and state, what is stale or overdue, the last hour's outcomes")
    .option("--timeout <duration>", "how long the database may count", duration, 30_000)
    .addOption(jsonOption())
    .action(async (options: StatusOptions) => finish(await runStatus(io, options)));
}

async function runStatus(io: Io, options: StatusOptions): Promise<ExitCode> {
  const printer = createPrinter(io, options);
  const report = await withStore(io, ({ store }) => readStatusReport(store, { timeoutMs: options.timeout }));
  printer.json(report);
  printer.line(describeStatus(report, printer.colors));
  return exitCodes.ok;
}
