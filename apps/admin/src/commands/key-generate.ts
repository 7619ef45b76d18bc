import { type ExitCode, exitCodes, UserError } from "@evergrant/runtime/command";
import { generateKey, SecretError } from "@evergrant/store/secrets";
import type { Command } from "commander";
import type { Io } from "../io.ts";
import { createPrinter } from "../print/printer.ts";
import type { CommandContext } from "../program.ts";
import { jsonOption } from "./options.ts";

interface GenerateOptions {
  readonly name: string;
  readonly json?: boolean;
}

export function register(parent: Command, { io, finish }: CommandContext): void {
  parent
    .command("generate")
    .description("print a new entry for EVERGRANT_KEY_RING; keep it safe, without it nothing stored can be read")
    .option("--name <name>", "what the entry is called; every entry of a ring needs its own name", "main")
    .addOption(jsonOption())
    .action((options: GenerateOptions) => finish(runKeyGenerate(io, options)));
}

/** Needs no database and no configuration. The entry alone goes to stdout, so that it can be redirected. */
function runKeyGenerate(io: Io, options: GenerateOptions): ExitCode {
  const printer = createPrinter(io, options);
  const entry = makeEntry(options.name);
  printer.json({ name: options.name, entry });
  printer.line(entry);
  if (!printer.isJson && io.stdout.isTTY === true) {
    printer.remark("Put it first in EVERGRANT_KEY_RING, entries by comma, and keep the older ones behind it.");
  }
  return exitCodes.ok;
}

function makeEntry(name: string): string {
  try {
    return generateKey(name);
  } catch (error) {
    throw error instanceof SecretError ? new UserError(error.message, { cause: error }) : error;
  }
}
