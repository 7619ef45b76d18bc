import type { FaultSpec } from "./faults/fault-spec.ts";
import type { CheckAnswer } from "./http/audit-routes.ts";
import type { FaultView, Stats } from "./http/control-routes.ts";
import type { MintedGrant, MintOptions, Registration, Revocation } from "./http/control-schemas.ts";
import type { Audit, GrantAudit, GrantHistory, RevokedGrant } from "./ledger/audit-ledger.ts";
import type { ProviderKind, ProviderRules, RulesByKind, RulesPatch } from "./ledger/provider-rules.ts";

/** Grants per request: the answer stays at a few megabytes, and the token endpoint is not kept waiting for it. */
const batchSize = 2_000;

/** How often it is asked whether something has ended. */
const lookAgainMs = 10;

export type HoldTarget = Pick<FaultSpec, "kind" | "clientId" | "grantId" | "times">;

/** Drives a simulator from another process, or from the same one, over its control endpoint. */
export class SimulatorClient {
  readonly #url: string;

  /** `url` as `startSimulator` and the simulator's first line of output give it. */
  constructor(url: string) {
    this.#url = url;
  }

  /** Adds a client, or replaces the secrets of a known one. */
  async register(registration: Registration): Promise<void> {
    await this.#send("POST", "/control/clients", registration);
  }

  /** Mints `count` grants (1 by default), any number of them, and returns them ready for import. */
  async mint(options: MintOptions): Promise<MintedGrant[]> {
    const minted: MintedGrant[] = [];
    for (let left = options.count ?? 1; left > 0; left -= batchSize) {
      const batch = { ...options, count: Math.min(left, batchSize) };
      const { grants } = await this.#send<{ grants: MintedGrant[] }>("POST", "/control/mint", batch);
      minted.push(...grants);
    }
    return minted;
  }

  /** Lets customers leave, and returns those that had not left before. */
  async revoke(revocation: Revocation): Promise<RevokedGrant[]> {
    const { revoked } = await this.#send<{ revoked: RevokedGrant[] }>("POST", "/control/revoke", revocation);
    return revoked;
  }

  /** From now on so many customers of the client leave each minute; 0 stops it. */
  async trickle(clientId: string, perMinute: number): Promise<void> {
    await this.#send("POST", "/control/trickle", { clientId, perMinute });
  }

  rules(): Promise<RulesByKind> {
    return this.#send("GET", "/control/rules");
  }

  setRules(kind: ProviderKind, patch: RulesPatch): Promise<ProviderRules> {
    return this.#send("PATCH", `/control/rules/${kind}`, patch);
  }

  setFault(spec: FaultSpec): Promise<FaultView> {
    return this.#send("POST", "/control/faults", spec);
  }

  async setFaults(specs: readonly FaultSpec[]): Promise<FaultView[]> {
    const views: FaultView[] = [];
    for (const spec of specs) views.push(await this.setFault(spec));
    return views;
  }

  /** A fault as it stands now; null when it was switched off. */
  async fault(id: string): Promise<FaultView | null> {
    const { faults } = await this.#send<{ faults: FaultView[] }>("GET", "/control/faults");
    return faults.find((fault) => fault.id === id) ?? null;
  }

  /**
   * Lets a fault strike nobody any more, and resolves when every request that it has struck has had all that comes of it:
   * from then on what is told of it is final. It stays to be looked at until it is cleared.
   *
   * @throws Error when that is not so within `timeoutMs`, as with requests that are held
   */
  async stopFault(id: string, timeoutMs = 10_000): Promise<FaultView> {
    const deadline = performance.now() + timeoutMs;
    let view = await this.#send<FaultView>("POST", `/control/faults/${id}/stop`);
    while (view.ended < view.applied) {
      if (performance.now() > deadline)
        throw new Error(`${view.applied - view.ended} requests struck by ${id} are open`);
      await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
      view = await this.#send<FaultView>("POST", `/control/faults/${id}/stop`);
    }
    return view;
  }

  /** Switches one fault off, or all of them; what they held goes on. */
  async clearFaults(id?: string): Promise<void> {
    await this.#send("DELETE", id === undefined ? "/control/faults" : `/control/faults/${id}`);
  }

  /** Holds requests of the target before the token is used (`received`) or after (`rotated`); returns the hold's id. */
  async hold(target: HoldTarget, at: "received" | "rotated"): Promise<string> {
    const { id } = await this.setFault({ ...target, effect: { type: "hold", at } });
    return id;
  }

  /** Resolves once `count` requests are held. Throws if they are not within `timeoutMs`. */
  async awaitHeld(holdId: string, count = 1, timeoutMs = 10_000): Promise<void> {
    const path = `/control/faults/${holdId}/wait`;
    const { held } = await this.#send<{ held: number }>("POST", path, { count, timeoutMs });
    if (held < count) throw new Error(`${held} of ${count} requests were held at ${holdId} after ${timeoutMs} ms`);
  }

  /** Lets the first `count` held requests go, or all; the hold itself stays until it is cleared. */
  async release(holdId: string, count?: number): Promise<number> {
    const path = `/control/faults/${holdId}/release`;
    const { released } = await this.#send<{ released: number }>("POST", path, count === undefined ? {} : { count });
    return released;
  }

  stats(): Promise<Stats> {
    return this.#send("GET", "/control/stats");
  }

  /** What all grants went through, or those of one client. */
  audit(clientId?: string): Promise<Audit> {
    return this.#send("GET", `/audit${query(clientId)}`);
  }

  /** The audit of every grant, or of every grant of one client. */
  async auditGrants(clientId?: string): Promise<GrantAudit[]> {
    const { details } = await this.#send<Audit>("GET", `/audit${query(clientId, "1")}`);
    return details ?? [];
  }

  /** What one grant went through, with its newest tokens. @throws Error for one that the simulator does not know */
  grantHistory(grantId: string): Promise<GrantHistory> {
    return this.#send("GET", `/audit/grants/${encodeURIComponent(grantId)}`);
  }

  /** Judges refresh tokens without using them: by the id of the grant that they should belong to, or as a list. */
  async check(asked: { grants?: Record<string, string>; tokens?: string[] }): Promise<CheckAnswer> {
    const { grants = {}, tokens = [] } = asked;
    const answer: CheckAnswer = { grants: {}, tokens: [] };
    for (const batch of batches(Object.entries(grants))) {
      const body = { grants: Object.fromEntries(batch) };
      Object.assign(answer.grants, (await this.#send<CheckAnswer>("POST", "/audit/check", body)).grants);
    }
    for (const batch of batches(tokens)) {
      answer.tokens.push(...(await this.#send<CheckAnswer>("POST", "/audit/check", { tokens: batch })).tokens);
    }
    return answer;
  }

  async #send<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(this.#url + path, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the simulator refused ${method} ${path}: ${text}`);
    return JSON.parse(text);
  }
}

function query(clientId: string | undefined, grants?: string): string {
  const parameters = new URLSearchParams();
  if (clientId !== undefined) parameters.set("client", clientId);
  if (grants !== undefined) parameters.set("grants", grants);
  return parameters.size > 0 ? `?${parameters}` : "";
}

function* batches<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let start = 0; start < items.length; start += batchSize) yield items.slice(start, start + batchSize);
}
