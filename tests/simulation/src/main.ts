import { simulateCommand } from "./command/command.ts";

try {
  await simulateCommand().parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
