import { crashCommand } from "./campaign/command.ts";

try {
  await crashCommand().parseAsync();
} catch (error) {
  // Once a signal has stopped the servers, all that follows from it is no news.
  if (process.exitCode === undefined) fail(error);
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
