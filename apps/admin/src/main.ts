import { setFlagsFromString } from "node:v8";
import { runApp } from "@evergrant/runtime/command";
import { processEnv } from "./env.ts";
import { runProgram } from "./program.ts";

// Prisma's WebAssembly is optimized in the background for longer than a command lives (0.15 s of CPU for one query).
setFlagsFromString("--liftoff-only");

// A reader that has seen enough (`| head`) closes the pipe; that is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const io = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: processEnv() };
await runApp({ name: "evergrant", main: () => runProgram(process.argv.slice(2), io), exit: exitWhenRead });

/** A pipe holds some tens of kilobytes; what its reader has not taken by then would be lost with this process. */
function exitWhenRead(code: number): void {
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}
