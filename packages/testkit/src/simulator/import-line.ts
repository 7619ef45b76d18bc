import type { MintedGrant } from "./http/control-schemas.ts";

/** A minted grant as a line of the operator's import; `more` replaces fields. */
export function toImportLine(appId: string, grant: MintedGrant, more: object = {}): string {
  const { id, customer, refreshToken, accessToken, accessTokenExpiresAt, refreshTokenExpiresAt, tenants } = grant;
  return JSON.stringify({
    id,
    app: appId,
    customer,
    refreshToken,
    accessToken,
    accessTokenExpiresAt,
    ...(refreshTokenExpiresAt === null ? {} : { refreshTokenExpiresAt }),
    tenants,
    ...more,
  });
}
