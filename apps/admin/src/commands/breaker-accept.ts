import { type ExitCode, exitCodes, UserError } from "@evergrant/runtime/command";
import { closeBreaker, type FoundBreaker } from "@evergrant/store";
import type { Command } from "commander";
import type { Io } from "../io.ts";
import { createPrinter } from "../print/printer.ts";
import type { CommandContext } from "../program.ts";
import { withStore } from "../with-store.ts";
import { jsonOption } from "./options.ts";

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("accept")
    .description("say that the customers of a wave really left: a second refusal ends their connections")
    .argument("<app>", "the app")
    .addOption(jsonOption())
    .action(async (app: string, options: { json?: boolean }) => finish(await runBreakerAccept(io, app, options)));
}

async function runBreakerAccept(io: Io, app: string, options: { readonly json?: boolean }): Promise<ExitCode> {
  const printer = createPrinter(io, options);
  const found = await withStore(io, ({ store }) => closeBreaker(store, { appId: app, by: "accepted" }));
  if (found === null) throw new UserError(`there is no app "${app}"; look with: evergrant breaker list`);
  if (!found.closed) throw new UserError(whyNot(app, found));
  printer.json({ app, ...found });
  printer.line(`The wave of ${app} is accepted and its breaker closed: its refreshes go on.`);
  printer.line("A connection that is refused a second time needs its customer to connect again; all others live on.");
  printer.line("Should nearly all be refused from now on, it opens again, since that may be a mistake of ours.");
  return exitCodes.ok;
}

function whyNot(app: string, { state, reason }: FoundBreaker): string {
  if (state === "closed") return `the breaker of "${app}" is closed: there is nothing to accept`;
  const why = reason === null ? "without a reason" : `for ${reason}`;
  return `the breaker of "${app}" is open ${why}: that is no wave of customers who left; mend the app, or let it go on with: evergrant breaker close ${app}`;
}
