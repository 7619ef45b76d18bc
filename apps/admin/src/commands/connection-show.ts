import { type ExitCode, exitCodes, UserError } from "@evergrant/runtime/command";
import { loadConnection } from "@evergrant/store";
import type { Command } from "commander";
import type { Io } from "../io.ts";
import { describeConnection } from "../print/describe-connection.ts";
import { createPrinter } from "../print/printer.ts";
import type { CommandContext } from "../program.ts";
import { withStore } from "../with-store.ts";
import { jsonOption, whole } from "./options.ts";

interface ShowOptions {
  readonly events: number;
  readonly json?: boolean;
}

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("show")
    .description("show one connection: state, schedule, tenants and what happened last; never a token")
    .argument("<id>", "the connection")
    .option("--events <n>", "how many of its latest events", whole(0, 1_000), 20)
    .addOption(jsonOption())
    .action(async (id: string, options: ShowOptions) => finish(await runConnectionShow(io, id, options)));
}

async function runConnectionShow(io: Io, id: string, options: ShowOptions): Promise<ExitCode> {
  const printer = createPrinter(io, options);
  const connection = await withStore(io, ({ store }) => loadConnection(store, id, { events: options.events }));
  if (connection === null) throw new UserError(`there is no connection "${id}"; look with: evergrant connection list`);
  printer.json(connection);
  printer.line(describeConnection(connection, printer.colors, Date.now()));
  return exitCodes.ok;
}
