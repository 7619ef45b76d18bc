import { UserError } from "@evergrant/runtime";
import type { MintedGrant, SimulatorClient } from "@evergrant/testkit";
import type { Operator, OperatorAnswer } from "../operator.ts";
import type { StateFolder } from "../state-folder.ts";
import { DESCRIPTORS } from "./lifetimes.ts";

export interface DemoApp {
  readonly id: "xero-demo" | "quickbooks-demo";
  readonly kind: "xero" | "quickbooks";
  readonly customers: number;
  /** Customers who disconnect in a minute. */
  readonly leavingPerMinute: number;
}

export const DEMO_APPS: readonly DemoApp[] = [
  { id: "xero-demo", kind: "xero", customers: 200, leavingPerMinute: 4 },
  { id: "quickbooks-demo", kind: "quickbooks", customers: 50, leavingPerMinute: 1 },
];

/**
 * Registers the apps at the simulator and at Evergrant, and imports their customers, by the same
 * command that a user would run. What an earlier start has done is not done again.
 *
 * @returns how many connections there are
 */
export async function bringCustomers(
  simulator: SimulatorClient,
  tokenUrls: Readonly<Record<DemoApp["kind"], string>>,
  state: StateFolder,
  operator: Operator,
): Promise<number> {
  for (const app of DEMO_APPS) {
    const secret = state.secret(`${app.id}.client-secret`, () => crypto.randomUUID());
    await simulator.register({ id: app.id, kind: app.kind, secrets: [secret] });
    await addApp(app, tokenUrls[app.kind], secret, operator, state);
    if (state.has(`${app.id}.imported`)) continue;
    // Kept until they are imported: a start that is stopped in between must not lose them.
    const file = `${app.id}.ndjson`;
    if (!state.has(file)) {
      const grants = await simulator.mint({ clientId: app.id, count: app.customers, idPrefix: app.kind });
      state.write(file, grants.map((grant) => importLine(app, grant)).join("\n"));
    }
    await run(operator, ["connection", "import", state.file(file)]);
    state.write(`${app.id}.imported`, "");
    state.remove(file);
  }
  return DEMO_APPS.reduce((sum, app) => sum + app.customers, 0);
}

async function addApp(
  app: DemoApp,
  tokenUrl: string,
  secret: string,
  operator: Operator,
  state: StateFolder,
): Promise<void> {
  const { stdout } = await run(operator, ["app", "list", "--json"]);
  if (stdout.includes(JSON.stringify(app.id))) return;
  const descriptor = state.write(`${app.id}.descriptor.json`, JSON.stringify({ tokenUrl, ...DESCRIPTORS[app.kind] }));
  const args = ["app", "add", app.id, "--provider", app.kind, "--client-id", app.id, "--descriptor", descriptor];
  await run(operator, args, `${secret}\n`);
}

function importLine(app: DemoApp, grant: MintedGrant): string {
  const { id, customer, refreshToken, accessToken, accessTokenExpiresAt, refreshTokenExpiresAt, tenants } = grant;
  const expiry = refreshTokenExpiresAt === null ? {} : { refreshTokenExpiresAt };
  return JSON.stringify({
    id,
    app: app.id,
    customer,
    refreshToken,
    accessToken,
    accessTokenExpiresAt,
    ...expiry,
    tenants,
  });
}

async function run(operator: Operator, args: readonly string[], input?: string): Promise<OperatorAnswer> {
  const answer = await operator(args, input);
  if (answer.code !== 0)
    throw new UserError(`evergrant ${args.slice(0, 2).join(" ")} failed:
${answer.stderr.trim()}`);
  return answer;
}
