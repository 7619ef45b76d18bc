import { type ExitCode, exitCodes, UserError, version } from "@evergrant/runtime/command";
import { Command, CommanderError } from "commander";
import type { Io } from "./io.ts";

/** What a command's file exports: it hangs itself under its parent and reports how it ended. */
export interface CommandModule {
  register(parent: Command, context: CommandContext): void;
}

export interface CommandContext {
  readonly io: Io;
  /** Tells the exit code of the command that ran. */
  finish(code: ExitCode): void;
}

/** Where each command lives. Only the file of the command that is called is loaded: start-up is felt. */
const COMMANDS: Readonly<Record<string, () => Promise<CommandModule>>> = {
  "app add": () => import("./commands/app-add.ts"),
  "app list": () => import("./commands/app-list.ts"),
  "app set-secret": () => import("./commands/app-set-secret.ts"),
  "connection import": () => import("./commands/connection-import.ts"),
  "connection list": () => import("./commands/connection-list.ts"),
  "connection show": () => import("./commands/connection-show.ts"),
  refresh: () => import("./commands/refresh.ts"),
  "breaker list": () => import("./commands/breaker-list.ts"),
  "breaker close": () => import("./commands/breaker-close.ts"),
  "breaker accept": () => import("./commands/breaker-accept.ts"),
  status: () => import("./commands/status.ts"),
  migrate: () => import("./commands/migrate.ts"),
  "key generate": () => import("./commands/key-generate.ts"),
};

const GROUPS: Readonly<Record<string, string>> = {
  app: "OAuth apps: your registrations at Xero, QuickBooks and others",
  connection: "connections: the grants that are kept alive",
  breaker: "breakers: what stops an app's refreshes while the app itself is in doubt",
  key: "the key ring that encrypts tokens and client secrets",
};

/**
 * Runs one command line to its end.
 *
 * @param argv the words after the program's name
 * @throws UserError for a mistake in the usage; what the command throws otherwise
 */
export async function runProgram(argv: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok;
  const program = await buildProgram(argv, { io, finish: (given) => (code = given) });
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw await explained(error);
    if (error.exitCode === 0) return exitCodes.ok;
    // Help that nobody asked for is already the answer.
    if (error.code === "commander.help") return exitCodes.usage;
    throw new UserError(inOneLine(error.message), { cause: error });
  }
}

/** Without the value of an option that is not known: it may be a secret, given where none belongs. */
function inOneLine(message: string): string {
  return message
    .replace(/^error: /, "")
    .replace(/(unknown option '--?[\w-]+)=.*'/s, "$1'")
    .replaceAll("\n", " ");
}

/** Loaded when something has failed, because it knows the store. */
async function explained(error: unknown): Promise<unknown> {
  if (error instanceof UserError) return error;
  const { explainStoreError } = await import("./explain-store-error.ts");
  return explainStoreError(error) ?? error;
}

async function buildProgram(argv: readonly string[], context: CommandContext): Promise<Command> {
  const program = prepare(new Command("evergrant"), context.io)
    .description("Keeps OAuth connections evergreen: apps, connections, refreshes.")
    .version(version);
  for (const path of commandsToLoad(argv)) {
    const parent = groupOf(path, program, context.io);
    (await COMMANDS[path]?.())?.register(parent, context);
  }
  return program;
}

/** The one that the first words name, or all of them where help or a correction may be wanted. */
function commandsToLoad(argv: readonly string[]): string[] {
  const paths = Object.keys(COMMANDS);
  const named = paths.filter((path) => path.split(" ").every((word, index) => argv[index] === word));
  return named.length > 0 ? named : paths;
}

function groupOf(path: string, program: Command, io: Io): Command {
  const [name = "", second] = path.split(" ");
  if (second === undefined) return program;
  const existing = program.commands.find((command) => command.name() === name);
  return existing ?? prepare(program.command(name), io).description(GROUPS[name] ?? "");
}

/** Subcommands inherit these settings when they are made. */
function prepare(command: Command, io: Io): Command {
  return command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(text),
    // A mistake is told once, by whoever ends the process.
    outputError: () => {},
  });
}
