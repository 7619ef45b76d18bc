import type { z } from "zod";
import type { Grant } from "../ledger/grant.ts";
import { hardExpiresAt } from "../ledger/judge-token.ts";
import { grantUuid, renderAccessToken } from "../token/access-token.ts";
import { providerBase } from "../token/issuer.ts";
import { renderRefreshToken } from "../token/wire.ts";
import type { MintedGrant, mintSchema } from "./control-schemas.ts";
import type { SimulatorParts } from "./simulator-parts.ts";
import { tenantName } from "./xero-routes.ts";

/** Adds grants and returns them with their first token pair, ready for import. Throws if the client is unknown. */
export function mintGrants(parts: SimulatorParts, asked: z.output<typeof mintSchema>): MintedGrant[] {
  const { ledger, now, random } = parts;
  const [fromMs, toMs] = typeof asked.ageMs === "number" ? [asked.ageMs, asked.ageMs] : asked.ageMs;
  const minted = ledger.mint(
    {
      clientId: asked.clientId,
      count: asked.count,
      scopes: asked.scopes,
      tenantCount: asked.tenants,
      idPrefix: asked.idPrefix ?? ledger.clients.get(asked.clientId)?.kind ?? "grant",
      ageMs: () => Math.floor(fromMs + random() * (toMs - fromMs)),
    },
    now(),
  );
  return minted.map((grant) => firstPair(parts, grant));
}

function firstPair({ ledger, key }: SimulatorParts, grant: Grant): MintedGrant {
  const { kind, mintedAt } = grant;
  const rules = ledger.rules[kind];
  const accessExpiresAt = mintedAt + rules.accessTokenTtlMs;
  const accessNumber = grant.nextAccessNumber;
  grant.nextAccessNumber += 1;
  const hardAt = hardExpiresAt(grant, rules);
  const softAt = Math.min(rules.idleTtlMs === null ? Infinity : mintedAt + rules.idleTtlMs, hardAt);
  const { issuer } = providerBase(kind, "simulator.invalid");
  return {
    id: grant.id,
    kind,
    clientId: grant.clientId,
    customer: grant.customer,
    refreshToken: renderRefreshToken(ledger, grant, 0),
    accessToken: renderAccessToken(ledger, key, grant, { generation: 0, accessNumber, accessExpiresAt }, issuer),
    accessTokenExpiresAt: new Date(accessExpiresAt).toISOString(),
    refreshTokenExpiresAt: isoOrNull(softAt),
    hardExpiresAt: isoOrNull(hardAt),
    tenants: Array.from({ length: kind === "xero" ? grant.tenantCount : 1 }, (_, index) => ({
      id: kind === "xero" ? grantUuid(grant, "tenant", index) : String(grant.no + 1),
      name: tenantName(grant, index),
    })),
  };
}

function isoOrNull(time: number): string | null {
  return time === Infinity ? null : new Date(time).toISOString();
}
