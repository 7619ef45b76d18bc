import { type ExitCode, exitCodes, UserError } from "@evergrant/runtime/command";
import { closeBreaker } from "@evergrant/store";
import type { Command } from "commander";
import type { Io } from "../io.ts";
import { createPrinter } from "../print/printer.ts";
import type { CommandContext } from "../program.ts";
import { withStore } from "../with-store.ts";
import { jsonOption } from "./options.ts";

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("close")
    .description("let an app's refreshes go on at once; its breaker opens again if what was wrong still is")
    .argument("<app>", "the app")
    .addOption(jsonOption())
    .action(async (app: string, options: { json?: boolean }) => finish(await runBreakerClose(io, app, options)));
}

/** Closing what is closed is no mistake: what was wanted is so. */
async function runBreakerClose(io: Io, app: string, options: { readonly json?: boolean }): Promise<ExitCode> {
  const printer = createPrinter(io, options);
  const found = await withStore(io, ({ store }) => closeBreaker(store, { appId: app, by: "operator" }));
  if (found === null) throw new UserError(`there is no app "${app}"; look with: evergrant breaker list`);
  printer.json({ app, ...found });
  if (!found.closed) {
    printer.line(`The breaker of ${app} is closed already; nothing was changed.`);
    return exitCodes.ok;
  }
  const why = found.reason === null ? "" : ` (${found.reason})`;
  const forgotten = found.reason === "rejections" ? " The refusals that opened it no longer count." : "";
  printer.line(
    `The breaker of ${app} was ${inWords(found.state)}${why} and is closed: its refreshes go on.${forgotten}`,
  );
  return exitCodes.ok;
}

function inWords(state: string): string {
  return state.replace("_", " ");
}
