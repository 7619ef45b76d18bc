import { dueAfterImport } from "@evergrant/core";
import { endGrant, lifeOf, type RulesByKind } from "@evergrant/testkit/rules";
import type { VirtualClock } from "../clock/virtual-clock.ts";
import { plainVault } from "../fleet/plain-vault.ts";
import type { CustomerFault, Fault } from "../plan/fault.ts";
import { DESCRIPTORS } from "../provider/apps.ts";
import { type CustomerToBe, mintGrant } from "../provider/customer.ts";
import { tokenText } from "../provider/token-text.ts";
import { connect, reconnect, type StoredGrant } from "../store/connect.ts";
import type { Tables } from "../store/tables.ts";
import { type LiveCustomer, presentGrant } from "./live-customer.ts";

const ASKED_TIMES = 4;
const ASKED_EVERY_MS = 13_000;

/** All customers, and what they do by themselves. */
export class Customers {
  readonly byNo = new Map<number, LiveCustomer>();
  readonly byId = new Map<string, LiveCustomer>();
  readonly #clock: VirtualClock;
  readonly #tables: Tables;
  readonly #rules: RulesByKind;

  constructor(clock: VirtualClock, tables: Tables, rules: RulesByKind) {
    this.#clock = clock;
    this.#tables = tables;
    this.#rules = rules;
  }

  /** Brings one in, as an import does, and puts on the clock when it leaves. */
  add(chosen: CustomerToBe): void {
    const grant = mintGrant(chosen);
    const app = this.#tables.apps.get(chosen.appId);
    if (app === undefined) throw new Error(`There is no app ${chosen.appId}.`);
    const row = connect(this.#tables, app, chosen.id, this.#stored(chosen, 0, chosen.lastUsedAt));
    const customer: LiveCustomer = {
      chosen,
      row,
      grants: [grant],
      flights: [],
      pending: null,
      unheardSince: null,
      wasReplayed: false,
      ending: null,
      refusals: [],
      disturbedUntil: Number.NEGATIVE_INFINITY,
      since: this.#clock.now,
    };
    this.byNo.set(chosen.no, customer);
    this.byId.set(chosen.id, customer);
    if (chosen.leavesAt !== null) this.#clock.at(chosen.leavesAt, () => this.#leave(customer));
  }

  /** A customer who was told to reconnect does so some day, or never. */
  told(connectionId: string): void {
    const customer = this.byId.get(connectionId);
    if (customer === undefined || customer.chosen.returnsAfterMs === null) return;
    this.#clock.at(this.#clock.now + customer.chosen.returnsAfterMs, () => {
      if (customer.row.state === "needs_reauth") this.#consent(customer);
    });
  }

  act(fault: Extract<Fault, CustomerFault>): void {
    for (const customer of this.byId.values()) {
      if (customer.chosen.appId !== fault.app || customer.chosen.random() * 100 >= fault.share) continue;
      if (fault.kind === "leave") this.#leave(customer);
      else if (fault.kind === "askFor") this.#askFor(customer, ASKED_TIMES);
      else if (fault.kind === "consentAnew") this.#consent(customer);
      else this.#switch(customer, fault.kind);
    }
  }

  #leave(customer: LiveCustomer): void {
    const grant = presentGrant(customer);
    if (lifeOf(grant, this.#rules[grant.kind], this.#clock.now).alive) endGrant(grant, "customer", this.#clock.now);
  }

  /** A new grant takes the place of the old one, as an import that replaces does. */
  #consent(customer: LiveCustomer): void {
    const { chosen, grants } = customer;
    const now = this.#clock.now;
    const grant = mintGrant({ ...chosen, consentedAt: now, lastUsedAt: now });
    grants.push(grant);
    reconnect(this.#tables, customer.row, this.#stored(chosen, grants.length - 1, now));
    customer.pending = null;
    customer.unheardSince = null;
    customer.wasReplayed = false;
    customer.refusals = [];
    customer.since = now;
  }

  /** As `requestRefresh` of the real store: only the schedule moves. */
  #askFor(customer: LiveCustomer, times: number): void {
    const { row } = customer;
    const { now } = this.#clock;
    if (row.state === "active" && row.app.breakerState === "closed")
      row.app.due.set(row, Math.min(row.dueAt ?? now, now));
    if (times > 1) this.#clock.at(now + ASKED_EVERY_MS, () => this.#askFor(customer, times - 1));
  }

  /** An operator's change of mode. How old the grant is by now may be unknown, as after an import. */
  #switch(customer: LiveCustomer, kind: "switchOff" | "switchOn"): void {
    const { row, chosen } = customer;
    const mode = kind === "switchOff" ? "off" : chosen.mode === "off" ? "keepalive" : chosen.mode;
    // A settle under way writes the schedule of the mode that it was claimed with.
    if (row.state !== "active" || row.mode === mode || row.intent !== null) return;
    row.mode = mode;
    customer.since = this.#clock.now;
    row.app.due.set(row, dueAfterImport(row, DESCRIPTORS[chosen.appId], this.#clock.now));
  }

  #stored(chosen: CustomerToBe, grantNo: number, usedAt: number): StoredGrant {
    const { no, id, appId, knowsExpiry } = chosen;
    const rules = this.#rules[appId];
    const consentedAt = grantNo === 0 ? chosen.consentedAt : usedAt;
    const hardAt = rules.hardTtlMs === null ? Number.POSITIVE_INFINITY : consentedAt + rules.hardTtlMs;
    const lapsesAt = Math.min(usedAt + (rules.idleTtlMs ?? Number.POSITIVE_INFINITY), hardAt);
    const accessTokenExpiresAt = knowsExpiry ? usedAt + rules.accessTokenTtlMs : null;
    const grantExpiresAt = knowsExpiry && Number.isFinite(lapsesAt) ? lapsesAt : null;
    const schedule = { id, mode: chosen.mode, accessTokenExpiresAt, grantExpiresAt };
    const refreshToken = tokenText({ customerNo: no, grantNo, generation: 0 });
    const place = { connectionId: id, generation: this.#generationOf(id) + 1 } as const;
    return {
      refreshToken: plainVault.sealToken({ ...place, field: "refreshToken" }, refreshToken),
      accessToken: null,
      fingerprint: plainVault.fingerprint(refreshToken),
      mode: chosen.mode,
      accessTokenExpiresAt,
      grantExpiresAt,
      dueAt: dueAfterImport(schedule, DESCRIPTORS[appId], this.#clock.now),
    };
  }

  #generationOf(id: string): number {
    return this.#tables.connections.get(id)?.generation ?? 0;
  }
}
