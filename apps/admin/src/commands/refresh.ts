import { CONNECTION_STATES, type ConnectionState } from "@evergrant/core";
import { type ExitCode, exitCodes } from "@evergrant/runtime/command";
import { awaitOutcomes, FRESH_ENOUGH_MS, type RefreshTicket, requestRefresh } from "@evergrant/store/requests";
import { type Command, Option } from "commander";
import { readAdminEnv } from "../env.ts";
import type { Io } from "../io.ts";
import { createPrinter, type Printer } from "../print/printer.ts";
import type { CommandContext } from "../program.ts";
import { chooseConnections } from "../refresh/choose-connections.ts";
import { openSource, type RefreshSource } from "../refresh/open-source.ts";
import { reportAnswer, reportTicket, reportTimeout } from "../refresh/report-refresh.ts";
import { sendHints } from "../refresh/send-hints.ts";
import { duration, jsonOption } from "./options.ts";

interface RefreshOptions {
  readonly app?: string;
  readonly state?: ConnectionState;
  readonly stale?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
  readonly maxAge: number;
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("refresh")
    .description("refresh connections now; asking twice at once makes one request to the provider")
    .argument("[id...]", "the connections")
    .option("--app <id>", "those of this app")
    .addOption(new Option("--state <state>", "those in this state").choices(CONNECTION_STATES))
    .option("--stale", "active ones in mode fresh whose access token has expired")
    .option("--wait", "wait for each outcome and print it")
    .option("--timeout <duration>", "how long to wait, such as 30s", duration, 30_000)
    .option("--max-age <duration>", "a refresh this young answers instead of a new one", duration, FRESH_ENOUGH_MS)
    .option("--force", "refresh even what was refreshed a moment ago")
    .option("--yes", "do not ask before a large refresh")
    .addOption(jsonOption())
    .action(async (ids: string[], options: RefreshOptions) => finish(await runRefresh(io, ids, options)));
}

async function runRefresh(io: Io, ids: readonly string[], options: RefreshOptions): Promise<ExitCode> {
  const printer = createPrinter(io, options);
  const env = readAdminEnv(io);
  const source = openSource(env);
  try {
    const tickets = await requestAll(io, source, ids, options);
    if (tickets.length === 0) printer.line("No connections match.");
    const hinted = sendHints(env, tickets).then((sent) => {
      if (!sent) printer.remark("The queue is away: the scheduler will find what is due by itself.");
    });
    const failures =
      options.wait === true ? await waitForAll(source, tickets, options, printer) : reportAll(tickets, printer);
    await hinted;
    return failures > 0 ? exitCodes.partialFailure : exitCodes.ok;
  } finally {
    await source.close();
  }
}

async function requestAll(
  io: Io,
  source: RefreshSource,
  ids: readonly string[],
  options: RefreshOptions,
): Promise<RefreshTicket[]> {
  const filter = { appId: options.app, state: options.state, stale: options.stale };
  const maxAgeMs = options.force === true ? 0 : options.maxAge;
  const tickets: RefreshTicket[] = [];
  for await (const page of chooseConnections(io, source, { ids, filter, isSure: options.yes === true })) {
    tickets.push(...(await requestRefresh(source, page, { maxAgeMs })));
  }
  return tickets;
}

/** Both print a line for each ticket and return how many failed. */
function reportAll(tickets: readonly RefreshTicket[], printer: Printer): number {
  for (const ticket of tickets) reportTicket(printer, ticket);
  return tickets.filter((ticket) => ticket.since === null).length;
}

async function waitForAll(
  source: RefreshSource,
  tickets: readonly RefreshTicket[],
  { timeout: timeoutMs }: RefreshOptions,
  printer: Printer,
): Promise<number> {
  const refused = tickets.filter((ticket) => ticket.since === null);
  const open = new Map(tickets.filter((ticket) => ticket.since !== null).map((ticket) => [ticket.id, ticket]));
  let failures = reportAll(refused, printer);
  for await (const answer of awaitOutcomes(source, [...open.values()], { timeoutMs })) {
    if (!reportAnswer(printer, open.get(answer.id), answer)) failures += 1;
    open.delete(answer.id);
  }
  for (const ticket of open.values()) reportTimeout(printer, ticket, timeoutMs);
  return failures + open.size;
}
