import type { ProviderKind, RulesByKindPatch } from "../simulator/ledger/provider-rules.ts";
import { SimulatorClient } from "../simulator/simulator-client.ts";
import { type NodeProcess, startNodeProcess } from "./node-process.ts";
import { projectRoot } from "./rooms.ts";

const file = "packages/testkit/bin/evergrant-simulator.mjs";

/** A provider simulator in a process of its own. */
export interface SimulatorProcess {
  readonly process: NodeProcess;
  readonly client: SimulatorClient;
  readonly tokenUrls: Readonly<Record<ProviderKind, string>>;
}

/** @throws Error with its last lines when it does not start */
export async function startSimulatorProcess(
  options: {
    readonly rules?: RulesByKindPatch;
    readonly seed?: number;
    readonly tokenMark?: string;
    readonly logFile?: string;
  } = {},
): Promise<SimulatorProcess> {
  const { rules, seed, tokenMark, logFile } = options;
  const running = startNodeProcess({
    name: "the simulator",
    file: projectRoot + file,
    args: [
      "--json",
      ...(rules === undefined ? [] : ["--rules", JSON.stringify(rules)]),
      ...(tokenMark === undefined ? [] : ["--token-mark", tokenMark]),
      ...(seed === undefined ? [] : ["--seed", `${seed}`]),
    ],
    env: {},
    ...(logFile === undefined ? {} : { logFile }),
  });
  const [line] = await running.awaitLine(/^\{.*\}$/);
  const { url, tokenUrls } = JSON.parse(line);
  return { process: running, client: new SimulatorClient(url), tokenUrls };
}
