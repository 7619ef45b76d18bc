import { Command } from "commander";
import { throughputCommand } from "./throughput/command.ts";

const program = new Command("bench")
  .description("Measures Evergrant on this machine, each time against what else could be used.")
  .addCommand(throughputCommand());

try {
  await program.parseAsync();
} catch (error) {
  // Once a signal has stopped the servers, all that follows from it is no news.
  if (process.exitCode === undefined) fail(error);
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
