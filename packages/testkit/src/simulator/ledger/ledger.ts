import { addToken, createGrant, type Ending, endGrant, type Grant, type RefreshToken } from "./grant.ts";
import { type GrantLife, lifeOf } from "./judge-token.ts";
import { type ProviderKind, providerKinds, type RulesByKind } from "./provider-rules.ts";
import type { Random } from "./random.ts";
import { createTokenSeal, type TokenSeal } from "./token-seal.ts";

/** Every request ends as exactly one of these; `fault` is a reply that a switched-on fault replaced or cut off. */
const outcomes = ["rotated", "renewed", "invalid_grant", "invalid_client", "error", "fault"] as const;
export type Outcome = (typeof outcomes)[number];
export type Counters = { requests: number } & Record<Outcome, number>;

export interface Client {
  readonly id: string;
  readonly kind: ProviderKind;
  environment: "production" | "sandbox";
  /** Any of them is accepted; none makes a public client, known by its id alone (PKCE apps). */
  secrets: string[];
  readonly counters: Counters;
}

export interface MintRequest {
  clientId: string;
  count: number;
  scopes: string;
  tenantCount: number;
  /** Grant ids are `<idPrefix>-<number>`. */
  idPrefix: string;
  /** How long ago each customer consented, in milliseconds. */
  ageMs: () => number;
}

export interface LedgerOptions {
  /** Of the token seal of the ledger that this one continues. */
  savedSecret?: string | undefined;
  /** Letters and digits at the beginning of every token. */
  tokenMark?: string | undefined;
}

/** What the simulator remembers: clients, grants and every token ever issued. No HTTP, no timers, no clock. */
export class Ledger {
  readonly rules: RulesByKind;
  readonly clients = new Map<string, Client>();
  /** Indexed by `Grant.no`. */
  readonly grants: Grant[] = [];
  readonly grantsById = new Map<string, Grant>();
  readonly counters: Record<ProviderKind, Counters>;
  readonly seal: TokenSeal;
  /** Picks the wording of the next `invalid_grant` of a kind. */
  readonly wordings: Record<ProviderKind, number> = { xero: 0, quickbooks: 0, strict: 0 };
  /** Grows with every change, so that a writer knows when there is something to write. */
  changes = 0;
  readonly #restored: boolean;

  /** With `savedSecret`, the ledger continues an earlier one, whose last moments may be missing from what was saved. */
  constructor(rules: RulesByKind, { savedSecret, tokenMark }: LedgerOptions = {}) {
    this.rules = rules;
    this.seal = createTokenSeal(savedSecret, tokenMark);
    this.#restored = savedSecret !== undefined;
    this.counters = { xero: noCounters(), quickbooks: noCounters(), strict: noCounters() };
  }

  /** Adds a client, or replaces the secrets and environment of a known one. Throws if it is of another kind. */
  register(fields: Pick<Client, "id" | "kind" | "secrets" | "environment">): Client {
    const known = this.clients.get(fields.id);
    if (known && known.kind !== fields.kind) throw new Error(`client ${fields.id} is registered for ${known.kind}`);
    const client: Client = known ?? { ...fields, counters: noCounters() };
    client.secrets = [...fields.secrets];
    client.environment = fields.environment;
    this.clients.set(client.id, client);
    this.changes += 1;
    return client;
  }

  /** Adds `count` grants, as if that many customers had consented. Throws if the client is unknown. */
  mint(request: MintRequest, now: number): Grant[] {
    const client = this.clients.get(request.clientId);
    if (!client) throw new Error(`no client ${request.clientId} is registered`);
    const first = this.grants.length;
    for (let no = first; no < first + request.count; no += 1) {
      this.add(
        createGrant({
          no,
          id: `${request.idPrefix}-${no + 1}`,
          kind: client.kind,
          clientId: client.id,
          customer: `Customer ${no + 1}`,
          scopes: request.scopes,
          tenantCount: request.tenantCount,
          mintedAt: now - request.ageMs(),
        }),
      );
    }
    return this.grants.slice(first);
  }

  add(grant: Grant): void {
    this.grants.push(grant);
    this.grantsById.set(grant.id, grant);
    this.changes += 1;
  }

  /** The refresh token's record, or null if no refresh token of this value was ever issued. */
  findToken(value: string): { grant: Grant; token: RefreshToken } | null {
    const sealed = this.seal.open(value);
    const grant = sealed?.type === "refresh" ? this.grants[sealed.grantNo] : undefined;
    if (!sealed || !grant) return null;
    const generation = sealed.number;
    const known = grant.tokens.get(generation);
    if (known) return { grant, token: known };
    if (generation < grant.nextGeneration) return { grant, token: longSpent(generation) };
    return this.#restored ? { grant, token: this.#adopt(grant, generation) } : null;
  }

  /** Ends grants that are still alive at `now` (milliseconds); returns those that it ended. */
  revoke(grants: readonly Grant[], revokedBy: Ending, now: number): Grant[] {
    const ended = grants.filter((grant) => this.lifeOf(grant, now).alive);
    for (const grant of ended) endGrant(grant, revokedBy, now);
    this.changes += ended.length;
    return ended;
  }

  /** `count` living grants of the client, chosen by `random`. */
  pickAlive(clientId: string, count: number, now: number, random: Random): Grant[] {
    const alive = this.grants.filter((grant) => grant.clientId === clientId && this.lifeOf(grant, now).alive);
    const picked: Grant[] = [];
    while (picked.length < count && alive.length > 0) {
      picked.push(...alive.splice(Math.floor(random() * alive.length), 1));
    }
    return picked;
  }

  lifeOf(grant: Grant, now: number): GrantLife {
    return lifeOf(grant, this.rules[grant.kind], now);
  }

  countAnswer(kind: ProviderKind, client: Client | null, grant: Grant | null, outcome: Outcome): void {
    this.counters[kind][outcome] += 1;
    if (client) client.counters[outcome] += 1;
    if (grant && outcome === "invalid_grant") grant.rejected += 1;
    if (grant && outcome === "invalid_client") grant.invalidClient += 1;
  }

  /** A value that bears our seal was issued by us: the record of it was lost with the moments before a crash. */
  #adopt(grant: Grant, generation: number): RefreshToken {
    const lastSeen = grant.lastPresentedAt ?? grant.mintedAt;
    for (const token of grant.tokens.values()) token.spentAt ??= lastSeen;
    return addToken(grant, generation, lastSeen);
  }
}

function noCounters(): Counters {
  return { requests: 0, rotated: 0, renewed: 0, invalid_grant: 0, invalid_client: 0, error: 0, fault: 0 };
}

/** Sums counters, such as those of all kinds. */
export function sumCounters(all: readonly Counters[]): Counters {
  const sum = noCounters();
  for (const counters of all) {
    sum.requests += counters.requests;
    for (const outcome of outcomes) sum[outcome] += counters[outcome];
  }
  return sum;
}

export function isProviderKind(text: string): text is ProviderKind {
  return providerKinds.some((kind) => kind === text);
}

/** A token whose record was dropped: spent so long ago that only the fact remains. */
function longSpent(generation: number): RefreshToken {
  return {
    generation,
    issuedAt: 0,
    firstUsedAt: 0,
    lastUsedAt: 0,
    spentAt: Number.NEGATIVE_INFINITY,
    revokedAt: null,
    successor: null,
  };
}
