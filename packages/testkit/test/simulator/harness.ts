import { onTestFinished } from "vitest";
import {
  type MintedGrant,
  type MintOptions,
  type ProviderKind,
  type RulesPatch,
  SimulatorClient,
  type SimulatorOptions,
  startSimulator,
} from "../../src/simulator/index.ts";

export const minute = 60_000;
export const day = 24 * 60 * minute;

/** Every field that a provider may send; what it did send is for the test to say. */
interface TokenFields {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  error: string;
  error_description: string;
  id_token: string;
  x_refresh_token_expires_in: number;
  x_refresh_token_hard_expires_in: number;
}

export interface TokenAnswer {
  status: number;
  headers: Headers;
  text: string;
  /** Empty when the body is no JSON. */
  json: TokenFields;
}

/** A simulator with one registered client, `app` with secret `s3cret`, and a clock that only moves when told. */
export async function startProvider(kind: ProviderKind, rules: RulesPatch = {}, options: SimulatorOptions = {}) {
  let now = Date.UTC(2026, 10, 21, 9);
  const simulator = await startSimulator({ clock: () => now, seed: 20_261_121, rules: { [kind]: rules }, ...options });
  onTestFinished(() => simulator.close());
  const control = new SimulatorClient(simulator.url);
  await control.register({ id: "app", kind, secrets: ["s3cret"] });
  const tokenUrl = simulator.tokenUrls[kind];

  async function mintOne(options: Partial<MintOptions> = {}): Promise<MintedGrant> {
    const [grant] = await control.mint({ clientId: "app", ...options });
    if (!grant) throw new Error("nothing was minted");
    return grant;
  }

  return {
    simulator,
    control,
    tokenUrl,
    now: () => now,
    advance: (ms: number) => {
      now += ms;
    },
    mintOne,
    refresh: (refreshToken: string, headers: Record<string, string> = {}) =>
      post(
        tokenUrl,
        { grant_type: "refresh_token", refresh_token: refreshToken },
        { ...basic("app", "s3cret"), ...headers },
      ),
    /** The audit of the only grant. */
    auditOne: async () => {
      const [grant] = await control.auditGrants();
      if (!grant) throw new Error("there is no grant");
      return grant;
    },
  };
}

/** Posts a form and reads the whole answer. */
export async function post(
  url: string,
  form: Record<string, string> | string,
  headers: Record<string, string> = {},
): Promise<TokenAnswer> {
  const response = await fetch(url, {
    method: "POST",
    body: typeof form === "string" ? form : new URLSearchParams(form).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json", ...headers },
    redirect: "manual",
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parse(text) };
}

export function basic(id: string, secret: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` };
}

/** Claims of a JWT, unverified. */
export function claimsOf(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString("utf8"));
}

/** Waits until `holds` is true, asking again every few milliseconds, for at most `timeoutMs`. */
export async function until(holds: () => Promise<boolean> | boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not so after ${timeoutMs} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function parse(text: string): TokenFields {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse("{}");
  }
}
