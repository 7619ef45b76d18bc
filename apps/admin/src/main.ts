import { runApp } from "@evergrant/runtime";
import { processEnv } from "./env.ts";
import { explainStoreError } from "./explain-store-error.ts";
import { runProgram } from "./program.ts";

// A reader that has seen enough (`| head`) closes the pipe; that is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const io = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: processEnv() };
await runApp({ name: "evergrant", main: () => runProgram(process.argv.slice(2), io), explain: explainStoreError });
