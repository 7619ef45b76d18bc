import { parseArgs } from "node:util";
import { type ExitCode, runApp, UserError } from "@evergrant/runtime";
import { durationMs } from "./duration.ts";

const USAGE = "Usage: npm run demo -- [--for 60s] [--json] [--fresh]   or   npm start";

await runApp({ name: "evergrant", main });

async function main(): Promise<ExitCode | undefined> {
  const { command, options } = readArguments();
  switch (command) {
    case "demo": {
      const { demo } = await import("./demo/demo.ts");
      return demo(options);
    }
    case "start": {
      const { start } = await import("./start.ts");
      await start();
      return undefined;
    }
    default:
      throw new UserError(`Unknown command "${command}". ${USAGE}`);
  }
}

function readArguments() {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { for: { type: "string" }, json: { type: "boolean" }, fresh: { type: "boolean" } },
    });
    const options = {
      forMs: values.for === undefined ? null : durationMs("--for", values.for),
      json: values.json ?? false,
      fresh: values.fresh ?? false,
    };
    return { command: positionals[0] ?? "start", options };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${error instanceof Error ? error.message.split("\n")[0] : "Unusable arguments."} ${USAGE}`);
  }
}
