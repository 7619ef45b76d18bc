import { Command } from "commander";
import { throughputCommand } from "./throughput/command.ts";

const program = new Command("bench")
  .description("Measures Evergrant on this machine, each time against what else could be used.")
  .addCommand(throughputCommand());

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
