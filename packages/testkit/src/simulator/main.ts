import { parseArgs } from "node:util";
import { explainError } from "./explain-error.ts";
import { rulesByKindPatchSchema } from "./ledger/provider-rules.ts";
import { type Simulator, startSimulator } from "./start-simulator.ts";

const usage = `evergrant-simulator: Xero, QuickBooks and a strict OAuth 2.0 provider on one loopback port

  --port <n>           port to listen on (default: any free one)
  --host <address>     address to listen on (default: 127.0.0.1)
  --scale <n>          divide every lifetime by n; 60 turns minutes into seconds
  --rules <json>       replace rules, such as '{"xero":{"graceMs":5000}}'
  --state-file <path>  keep grants and tokens across restarts
  --token-mark <text>  letters and digits with which every token begins
  --seed <n>           repeat the dice of an earlier run
  --json               print the address only, as one JSON line
`;

try {
  await run();
} catch (error) {
  process.stderr.write(`evergrant-simulator: ${explainError(error)}\n`);
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      port: { type: "string" },
      host: { type: "string" },
      scale: { type: "string" },
      rules: { type: "string" },
      "state-file": { type: "string" },
      "token-mark": { type: "string" },
      seed: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (flags.help) {
    process.stdout.write(usage);
    return;
  }
  const simulator = await startSimulator({
    port: readNumber("--port", flags.port, (port) => Number.isInteger(port) && port >= 0 && port < 65_536),
    host: flags.host,
    scale: readNumber("--scale", flags.scale, (scale) => scale > 0),
    rules: flags.rules === undefined ? undefined : rulesByKindPatchSchema.parse(readJson("--rules", flags.rules)),
    stateFile: flags["state-file"],
    tokenMark: readMark(flags["token-mark"]),
    seed: readNumber("--seed", flags.seed, Number.isInteger),
  });
  closeOnSignal(simulator);
  const { url, port, seed, tokenUrls } = simulator;
  process.stdout.write(`${JSON.stringify({ url, port, seed, tokenUrls })}\n`);
  if (!flags.json) process.stderr.write(`simulator at ${url}, seed ${seed}; Ctrl-C ends it\n`);
}

function closeOnSignal(simulator: Simulator): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void simulator.close());
}

function readNumber(flag: string, text: string | undefined, isFine: (value: number) => boolean): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!isFine(value)) throw new Error(`${flag} ${text} is not a fitting number`);
  return value;
}

function readMark(text: string | undefined): string | undefined {
  if (text !== undefined && !/^[\w-]*$/.test(text)) throw new Error("--token-mark may hold letters, digits, - and _");
  return text;
}

function readJson(flag: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${flag} is not JSON`);
  }
}
