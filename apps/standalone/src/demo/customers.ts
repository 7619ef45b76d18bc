import type { MintedGrant, SimulatorClient } from "@evergrant/testkit";
import { UserError } from "@evergrant/runtime";
import { runAdmin } from "../admin.ts";
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
  env: Readonly<Record<string, string>>,
): Promise<number> {
  for (const app of DEMO_APPS) {
    const secret = state.secret(`${app.id}.client-secret`, () => crypto.randomUUID());
    await simulator.register({ id: app.id, kind: app.kind, secrets: [secret] });
    await addApp(app, tokenUrls[app.kind], secret, env, state);
    const known = await simulator.audit(app.id);
    if (known.grants > 0) continue;
    const grants = await simulator.mint({ clientId: app.id, count: app.customers, idPrefix: app.kind });
    await importGrants(app, grants, env);
  }
  return DEMO_APPS.reduce((sum, app) => sum + app.customers, 0);
}

async function addApp(
  app: DemoApp,
  tokenUrl: string,
  secret: string,
  env: Readonly<Record<string, string>>,
  state: StateFolder,
): Promise<void> {
  const { stdout } = await admin(["app", "list", "--json"], env);
  if (stdout.includes(JSON.stringify(app.id))) return;
  const descriptor = state.write(`${app.id}.descriptor.json`, JSON.stringify({ tokenUrl, ...DESCRIPTORS[app.kind] }));
  const args = ["app", "add", app.id, "--provider", app.kind, "--client-id", app.id, "--descriptor", descriptor];
  await admin(args, env, `${secret}\n`);
}

async function importGrants(
  app: DemoApp,
  grants: readonly MintedGrant[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = grants.map((grant) =>
    JSON.stringify({
      id: grant.id,
      app: app.id,
      customer: grant.customer,
      refreshToken: grant.refreshToken,
      accessToken: grant.accessToken,
      accessTokenExpiresAt: grant.accessTokenExpiresAt,
      ...(grant.refreshTokenExpiresAt === null ? {} : { refreshTokenExpiresAt: grant.refreshTokenExpiresAt }),
      tenants: grant.tenants,
    }),
  );
  await admin(["connection", "import", "-"], env, lines.join("\n"));
}

async function admin(args: readonly string[], env: Readonly<Record<string, string>>, input?: string) {
  const answer = await runAdmin(args, { env, ...(input === undefined ? {} : { input }) });
  if (answer.code !== 0) throw new UserError(`evergrant ${args.slice(0, 2).join(" ")} failed:\n${answer.stderr.trim()}`);
  return answer;
}
