import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type Lifecycle, UserError } from "@evergrant/runtime";
import { SimulatorClient } from "@evergrant/testkit";
import { type Child, startChild } from "../child.ts";
import { entry } from "../rooms.ts";
import type { StateFolder } from "../state-folder.ts";
import { DEMO_APPS } from "./customers.ts";
import { SCALE, SIMULATOR_RULES } from "./lifetimes.ts";

const READY_WITHIN_MS = 15_000;

export interface DemoSimulator {
  readonly client: SimulatorClient;
  readonly tokenUrls: { readonly xero: string; readonly quickbooks: string };
  /** Customers begin to leave, and the providers to have their hiccups. */
  disturb(): Promise<void>;
  /** Nobody leaves any more and every answer arrives. */
  calm(): Promise<void>;
}

/** Starts the provider simulator as a process; its grants outlive it in the state folder. */
export async function startDemoSimulator(
  state: StateFolder,
  lifecycle: Pick<Lifecycle, "add">,
): Promise<DemoSimulator> {
  // The apps were registered with its address.
  const port = await state.samePort("simulator");
  const child = startChild({
    name: "simulator",
    app: null,
    file: entry.simulator,
    args: [
      ...["--port", `${port}`, "--scale", `${SCALE}`, "--rules", JSON.stringify(SIMULATOR_RULES)],
      ...["--state-file", state.file("simulator.json"), "--json"],
    ],
    logFile: state.file("simulator.log"),
  });
  lifecycle.add("simulator", () => child.stop());
  const url = `http://127.0.0.1:${port}`;
  await answers(child, url);
  const client = new SimulatorClient(url);
  return {
    client,
    tokenUrls: { xero: `${url}/xero/connect/token`, quickbooks: `${url}/quickbooks/oauth2/v1/tokens/bearer` },
    async disturb() {
      for (const app of DEMO_APPS) await client.trickle(app.id, app.leavingPerMinute);
      await client.setFaults([
        { kind: "xero", probability: 0.01, effect: { type: "status", status: 503 } },
        { kind: "quickbooks", probability: 0.01, effect: { type: "status", status: 503 } },
        // Xero lets a spent token be presented again for a while: an answer that got lost costs nothing.
        { kind: "xero", probability: 0.01, effect: { type: "drop", at: "rotated" } },
      ]);
    },
    async calm() {
      for (const app of DEMO_APPS) await client.trickle(app.id, 0);
      await client.clearFaults();
    },
  };
}

async function answers(child: Child, url: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  let over = false;
  void child.ended.then(() => {
    over = true;
  });
  while (!over && Date.now() < deadline) {
    if (
      await fetch(`${url}/control/stats`).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return;
    await delay(50);
  }
  throw new UserError(`The simulator did not start:\n${readFileSync(child.logFile, "utf8").trim()}`);
}
