import { type ExitCode, exitCodes, UserError } from "@evergrant/runtime/command";
import { acceptRefusals, closeBreaker, type FoundBreaker } from "@evergrant/store";
import type { Command } from "commander";
import type { Io } from "../io.ts";
import { createPrinter } from "../print/printer.ts";
import type { CommandContext } from "../program.ts";
import { withStore } from "../with-store.ts";
import { jsonOption } from "./options.ts";

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("accept")
    .description("say that the customers whose connections were refused really left: a second refusal ends them")
    .argument("<app>", "the app")
    .addOption(jsonOption())
    .action(async (app: string, options: { json?: boolean }) => finish(await runBreakerAccept(io, app, options)));
}

async function runBreakerAccept(io: Io, app: string, options: { readonly json?: boolean }): Promise<ExitCode> {
  const printer = createPrinter(io, options);
  const { found, accepted } = await withStore(io, async ({ store }) => {
    const found = await closeBreaker(store, { appId: app, by: "accepted" });
    return { found, accepted: found?.state === "closed" ? await acceptRefusals(store, app) : null };
  });
  if (found === null) throw new UserError(`there is no app "${app}"; look with: evergrant breaker list`);
  if (!found.closed && (accepted ?? 0) === 0) throw new UserError(whyNot(app, found));
  printer.json({ app, ...found, accepted });
  printer.line(
    found.closed
      ? `The wave of ${app} is accepted and its breaker closed: its refreshes go on.`
      : `The refusals of ${app} are accepted; connections that are asked again for it: ${accepted}.`,
  );
  printer.line("A connection that is refused a second time needs its customer to connect again; all others live on.");
  printer.line("Should nearly all be refused from now on, it opens again.");
  return exitCodes.ok;
}

function whyNot(app: string, { state, reason }: FoundBreaker): string {
  if (state === "closed")
    return `the breaker of "${app}" is closed, and no refusal waits to be believed: there is nothing to accept`;
  const why = reason === null ? "without a reason" : `for ${reason}`;
  return `the breaker of "${app}" is open ${why}: that is no wave of customers who left; mend the app, or let it go on with: evergrant breaker close ${app}`;
}
