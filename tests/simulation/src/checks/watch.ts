import type { Claim, Settlement, SettleResult } from "@evergrant/store";
import { type Grant, insideGrace, type RefreshToken, type RulesByKind } from "@evergrant/testkit/rules";
import type { VirtualClock } from "../clock/virtual-clock.ts";
import type { Database } from "../fleet/database.ts";
import { tokenIn } from "../fleet/plain-vault.ts";
import type { VirtualEscrow } from "../fleet/virtual-escrow.ts";
import type { VirtualProcess } from "../fleet/virtual-process.ts";
import { type AppId, DESCRIPTORS } from "../provider/apps.ts";
import { readTokenText } from "../provider/token-text.ts";
import type { ConnectionRow, JournalRow } from "../store/tables.ts";
import { type LiveCustomer, presentGrant } from "../world/live-customer.ts";
import type { Disturbances } from "./disturbances.ts";
import { type Ending, explainEnding } from "./ending.ts";
import { RefusedLately } from "./refused-lately.ts";
import { faultsOfSettle, type RowBefore } from "./settle-checks.ts";
import { isSuccessKind } from "./success-kind.ts";
import type { Rule, Violation } from "./violation.ts";

/** Tick, claim and the way between them take no longer while nothing is wrong. */
export const LATE_AFTER_MS = 5_000;
/** A process that lost the database so recently may not have been able to keep its lease. */
const CUT_OFF_LATELY_MS = 180_000;

export interface WatchParts {
  /** The customer whose story is kept; null for none. */
  readonly told: number | null;
  readonly clock: VirtualClock;
  readonly rules: RulesByKind;
  readonly disturbances: Disturbances;
  readonly customersById: ReadonlyMap<string, LiveCustomer>;
  readonly database: () => Pick<Database, "lastAwayFor">;
  readonly escrow: Pick<VirtualEscrow, "has" | "offersTokensOf" | "lastTroubleAt">;
}

/** Looks on at every step, from both sides at once, and notes what must not be. */
export class Watch {
  readonly violations: Violation[] = [];
  readonly endings = new Map<Ending["kind"], number>();
  readonly counts = {
    requests: 0,
    overlapsBehindLost: 0,
    spentInGrace: 0,
    spentOutside: 0,
    revived: 0,
    worstLatenessMs: 0,
  };
  /** The story of one customer, a line an event. */
  readonly story: string[] = [];
  readonly #parts: WatchParts;
  readonly #refused: Readonly<Record<AppId, RefusedLately>> = {
    xero: new RefusedLately(),
    quickbooks: new RefusedLately(),
    strict: new RefusedLately(),
  };
  /** What the present settle has written into the journal. */
  #journal: JournalRow[] = [];

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** @param text not asked for unless this customer's story is kept */
  tell(customer: LiveCustomer, text: () => string): void {
    if (customer.chosen.no !== this.#parts.told) return;
    this.story.push(`${new Date(this.#parts.clock.now).toISOString()} ${text()}`);
  }

  note(rule: Rule, customer: LiveCustomer, text: string): void {
    this.tell(customer, () => `VIOLATION of ${rule}: ${text}`);
    this.violations.push({ rule, customerNo: customer.chosen.no, at: this.#parts.clock.now, text });
  }

  /** Invariant 1, as the provider sees it. */
  sent(customer: LiveCustomer, process: VirtualProcess): void {
    this.counts.requests += 1;
    this.tell(customer, () => `${process.name} sends a token request`);
    for (const other of customer.flights) {
      if (this.#mayKeepLease(other)) {
        this.note(1, customer, `${process.name} asks while a request of ${other.name} is under way`);
      } else this.counts.overlapsBehindLost += 1;
    }
  }

  /** A spent token may be presented only where nobody can know that it is spent. */
  presented(customer: LiveCustomer, grant: Grant, token: RefreshToken, process: VirtualProcess): void {
    if (token.spentAt === null) return;
    const { clock, rules } = this.#parts;
    const isInGrace = insideGrace(token, rules[grant.kind], clock.now);
    if (isInGrace) this.counts.spentInGrace += 1;
    else this.counts.spentOutside += 1;
    const { pending } = customer;
    if (pending !== null && (pending.isLost || !this.#mayKeepLease(pending.process))) {
      customer.unheardSince ??= pending.at;
    }
    if (grant !== presentGrant(customer)) return;
    if (this.#parts.escrow.offersTokensOf(customer.chosen.id)) {
      this.note(2, customer, `${process.name} presents a spent token whose successor waits in the escrow`);
    } else if (customer.unheardSince === null) {
      this.note(2, customer, `${process.name} presents a spent token whose successor was received`);
    } else if (!isInGrace) customer.wasReplayed = true;
  }

  refused(customer: LiveCustomer, grant: Grant, isOurMistake: boolean): void {
    if (grant !== presentGrant(customer)) return;
    const { now } = this.#parts.clock;
    customer.refusals.push({ at: now, isOurMistake });
    this.#refused[customer.chosen.appId].note(customer);
  }

  claimed(row: ConnectionRow, claim: Claim): void {
    const customer = this.#customerOf(row.id);
    const { disturbances } = this.#parts;
    this.tell(customer, () => describeClaim(claim));
    const latenessMs = claim.claimedAt - claim.dueAt;
    if (latenessMs <= LATE_AFTER_MS || claim.dueAt <= customer.disturbedUntil) return;
    if (!disturbances.wasCalm(customer.chosen.appId, claim.dueAt, claim.claimedAt)) return;
    this.counts.worstLatenessMs = Math.max(this.counts.worstLatenessMs, latenessMs);
    this.note("late", customer, `claimed ${latenessMs} ms after it was due, and nothing was wrong`);
  }

  journalled(entry: JournalRow): void {
    this.#journal.push(entry);
  }

  settling(): void {
    this.#journal = [];
  }

  settled(settlement: Settlement, result: SettleResult, before: RowBefore, row: ConnectionRow): void {
    const customer = this.#customerOf(row.id);
    this.tell(
      customer,
      () => `${settlement.outcome} of generation ${settlement.generation}: ${result}, ${describe(row)}`,
    );
    for (const [rule, text] of faultsOfSettle(settlement, result, before, row, this.#journal)) {
      this.note(rule, customer, text);
    }
    if (isSuccessKind(settlement.outcome)) this.#succeeded(customer, settlement, result, before);
    if (before.state === "active" && row.state === "needs_reauth") this.#ended(customer);
    if (before.state === "needs_reauth" && row.state === "active") this.counts.revived += 1;
  }

  /** The use-case has returned: what its process received is now stored, or safe (invariants 2 and 8). */
  finished(customer: LiveCustomer, process: VirtualProcess, intentId: string | null): void {
    const { pending } = customer;
    if (pending === null || pending.process !== process || pending.isLost) return;
    if (intentId !== null && this.#parts.escrow.has(intentId)) return;
    this.note(2, customer, `${process.name} is done, and the token set that it received is nowhere`);
  }

  #succeeded(customer: LiveCustomer, { tokens }: Settlement, result: SettleResult, before: RowBefore): void {
    if (tokens === null) return;
    const { row, pending } = customer;
    const token = tokenIn(tokens.refreshToken);
    const name = readTokenText(token);
    const isStored =
      row.refreshToken === tokens.refreshToken ||
      tokenIn(row.refreshToken) === token ||
      row.candidates.some((candidate) => tokenIn(candidate.refreshToken) === token);
    if (!isStored && result !== "repeated" && customer.grants[name.grantNo] === presentGrant(customer)) {
      this.note(2, customer, `a received token set was settled as ${result} and is not kept`);
    }
    if (pending !== null && pending.generation <= name.generation) customer.pending = null;
    if (result !== "settled") return;
    if (customer.grants[name.grantNo] !== presentGrant(customer)) {
      this.note(3, customer, "it went back to a grant that its customer has replaced");
    }
    this.#checkStaleness(customer, before);
    customer.unheardSince = null;
    customer.refusals = [];
  }

  #checkStaleness(customer: LiveCustomer, before: RowBefore): void {
    const { clock, disturbances } = this.#parts;
    const { row, since, chosen, disturbedUntil } = customer;
    if (row.mode !== "fresh" || before.accessTokenExpiresAt === null) return;
    const staleFrom = Math.max(before.accessTokenExpiresAt, since + LATE_AFTER_MS);
    if (clock.now <= staleFrom || staleFrom <= disturbedUntil) return;
    if (!disturbances.wasCalm(chosen.appId, before.dueAt ?? staleFrom, clock.now)) return;
    this.note("stale", customer, `its access token was expired for ${clock.now - staleFrom} ms, and nothing was wrong`);
  }

  /** Invariant 4, and the promise: never while we hold a token that works. */
  #ended(customer: LiveCustomer): void {
    const { row, refusals, chosen } = customer;
    const { clock, rules, disturbances } = this.#parts;
    const { strikeGapMs } = DESCRIPTORS[chosen.appId];
    const apartMs = (refusals.at(-1)?.at ?? 0) - (refusals[0]?.at ?? 0);
    if (refusals.length < 2 || apartMs < strikeGapMs) {
      this.note(4, customer, `ended after ${refusals.length} refusals within ${apartMs} ms`);
    }
    if (row.app.breakerState !== "closed") this.note(4, customer, "ended while the app's breaker is not closed");
    if (row.candidates.length > 0) this.note(4, customer, "ended with a candidate untried");
    const refused = this.#refused[chosen.appId];
    const ending = explainEnding(customer, { rules, disturbances, refused, now: clock.now });
    customer.ending = ending.kind;
    this.endings.set(ending.kind, (this.endings.get(ending.kind) ?? 0) + 1);
    if (ending.kind === "avoidable") this.note("grant lost", customer, ending.text);
  }

  #mayKeepLease(process: VirtualProcess): boolean {
    const { clock, database, escrow } = this.#parts;
    const wasCalm = (lastTroubleAt: number) => clock.now - lastTroubleAt > CUT_OFF_LATELY_MS;
    if (!process.isRunning) return false;
    if (wasCalm(database().lastAwayFor(process))) return true;
    // Who could not renew its leases has said so in the escrow's place, unless it slept or the place was in trouble.
    return wasCalm(escrow.lastTroubleAt) && wasCalm(process.stoppedUntil);
  }

  #customerOf(id: string): LiveCustomer {
    const customer = this.#parts.customersById.get(id);
    if (customer === undefined) throw new Error(`There is no customer ${id}.`);
    return customer;
  }
}

function describeClaim({ generation, unsettledSince }: Claim): string {
  return `claimed with generation ${generation}${unsettledSince === null ? "" : ", taken over from a lost worker"}`;
}

function describe({ state, generation, refreshToken, strikes, candidates, dueAt }: ConnectionRow): string {
  const due = dueAt === null ? "never due" : `due ${new Date(dueAt).toISOString()}`;
  const rest = `${strikes} strikes, ${candidates.length} candidates, ${due}`;
  return `now ${state}, generation ${generation} with ${tokenIn(refreshToken)}, ${rest}`;
}
