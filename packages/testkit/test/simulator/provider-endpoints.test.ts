import { createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { basic, claimsOf, minute, post, startProvider } from "./harness.ts";

interface Discovery {
  issuer: string;
  token_endpoint: string;
  userinfo_endpoint: string;
  jwks_uri: string;
}

interface Jwks {
  keys: Array<JsonWebKey & { kid: string }>;
}

type Connections = Array<{ id: string; tenantId: string }>;

async function getJson<Body>(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  const json: Body = JSON.parse(await response.text());
  return { status: response.status, json };
}

function isSignedBy({ keys }: Jwks, jwt: string): boolean {
  const [header = "", claims = "", signature = ""] = jwt.split(".");
  const { kid } = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
  const key = keys.find((candidate) => candidate.kid === kid);
  if (!key) return false;
  const content = Buffer.from(`${header}.${claims}`);
  return verify("RSA-SHA256", content, createPublicKey({ key, format: "jwk" }), Buffer.from(signature, "base64url"));
}

describe("discovery", () => {
  test.each([
    ["xero", "/xero/.well-known/openid-configuration"],
    ["quickbooks", "/quickbooks/.well-known/openid_configuration"],
    ["quickbooks", "/quickbooks/.well-known/openid_sandbox_configuration"],
    ["strict", "/strict/.well-known/oauth-authorization-server"],
  ] as const)("of %s at %s names the token endpoint in use", async (kind, path) => {
    const { simulator } = await startProvider(kind);
    const { json } = await getJson<Discovery>(simulator.url + path);
    expect(json.token_endpoint).toBe(simulator.tokenUrls[kind]);
    expect(json).toMatchObject({
      issuer: expect.any(String),
      revocation_endpoint: expect.stringContaining(simulator.url),
    });
  });

  test("of Intuit's two environments differs in the userinfo endpoint alone", async () => {
    const { simulator } = await startProvider("quickbooks");
    const base = `${simulator.url}/quickbooks/.well-known`;
    const { json: live } = await getJson<Discovery>(`${base}/openid_configuration`);
    const { json: sandbox } = await getJson<Discovery>(`${base}/openid_sandbox_configuration`);
    expect(sandbox.userinfo_endpoint).not.toBe(live.userinfo_endpoint);
    expect({ ...sandbox, userinfo_endpoint: "" }).toEqual({ ...live, userinfo_endpoint: "" });
  });

  test("can be made to answer 403, while tokens are still served", async () => {
    const xero = await startProvider("xero");
    await xero.control.setFault({ kind: "xero", endpoint: "discovery", effect: { type: "status", status: 403 } });
    expect((await fetch(`${xero.simulator.url}/xero/.well-known/openid-configuration`)).status).toBe(403);
    expect((await xero.refresh((await xero.mintOne()).refreshToken)).status).toBe(200);
  });
});

describe("signed tokens", () => {
  test.each([
    ["xero", "/xero/.well-known/openid-configuration"],
    ["quickbooks", "/quickbooks/.well-known/openid_configuration"],
  ] as const)("of %s verify with the published keys, and only where openid was granted", async (kind, path) => {
    const provider = await startProvider(kind);
    const { json: document } = await getJson<Discovery>(provider.simulator.url + path);
    const { json: jwks } = await getJson<Jwks>(
      document.jwks_uri.replace("https://oauth.platform.intuit.com", provider.simulator.url),
    );
    const { json } = await provider.refresh((await provider.mintOne({ scopes: "openid offline_access" })).refreshToken);
    expect(isSignedBy(jwks, json.id_token)).toBe(true);
    expect(claimsOf(json.id_token)).toMatchObject({ iss: document.issuer, exp: provider.now() / 1000 + 300 });
    const without = await provider.refresh((await provider.mintOne()).refreshToken);
    expect(without.json).not.toHaveProperty("id_token");
  });

  test("include Xero's access token when that is switched on", async () => {
    const xero = await startProvider("xero", { signAccessTokens: true });
    const { json: jwks } = await getJson<Jwks>(`${xero.simulator.url}/xero/.well-known/openid-configuration/jwks`);
    const { json } = await xero.refresh((await xero.mintOne()).refreshToken);
    expect(isSignedBy(jwks, json.access_token)).toBe(true);
    await xero.control.setRules("xero", { signAccessTokens: false });
    const { json: unsigned } = await xero.refresh(json.refresh_token);
    expect(isSignedBy(jwks, unsigned.access_token)).toBe(false);
    expect(unsigned.access_token).toHaveLength(json.access_token.length);
  });
});

describe("Xero's connections", () => {
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  test("list the tenants of the grant for as long as its access token lives", async () => {
    const xero = await startProvider("xero");
    const grant = await xero.mintOne({ tenants: 2 });
    const url = `${xero.simulator.url}/xero/connections`;
    const { json } = await getJson<Connections>(url, bearer(grant.accessToken));
    expect(json.map(({ tenantId }) => tenantId)).toEqual(grant.tenants.map(({ id }) => id));
    expect(Object.keys(json[0] ?? {}).sort()).toEqual(
      ["authEventId", "createdDateUtc", "id", "tenantId", "tenantName", "tenantType", "updatedDateUtc"].sort(),
    );
    xero.advance(30 * minute);
    expect(await getJson(url, bearer(grant.accessToken))).toMatchObject({
      status: 401,
      json: { detail: expect.stringMatching(/^TokenExpired/) },
    });
  });

  test("can be deleted one by one, which leaves the tokens alive", async () => {
    const xero = await startProvider("xero");
    const grant = await xero.mintOne({ tenants: 2 });
    const url = `${xero.simulator.url}/xero/connections`;
    const headers = bearer(grant.accessToken);
    const { json } = await getJson<Connections>(url, headers);
    const gone = () => fetch(`${url}/${json[0]?.id}`, { method: "DELETE", headers }).then(({ status }) => status);
    expect(await gone()).toBe(204);
    expect(await gone()).toBe(404);
    expect((await fetch(`${url}/${json[1]?.tenantId}`, { method: "DELETE", headers })).status).toBe(404);
    expect((await getJson(url, headers)).json).toEqual([json[1]]);
    expect((await xero.refresh(grant.refreshToken)).status).toBe(200);
  });

  test("are empty after the customer left, while the access token still opens the list", async () => {
    const xero = await startProvider("xero");
    const grant = await xero.mintOne();
    await xero.control.revoke({ grantIds: [grant.id] });
    const list = await getJson(`${xero.simulator.url}/xero/connections`, bearer(grant.accessToken));
    expect(list).toEqual({ status: 200, json: [] });
  });
});

describe("revocation", () => {
  test.each([
    ["xero", "/xero/connect/revocation"],
    ["strict", "/strict/oauth/revoke"],
  ] as const)("at %s takes a form, ends the grant, and accepts unknown tokens", async (kind, path) => {
    const provider = await startProvider(kind);
    const { refreshToken } = await provider.mintOne();
    const url = provider.simulator.url + path;
    expect((await post(url, { token: refreshToken }, basic("app", "wrong"))).json.error).toBe("invalid_client");
    expect((await post(url, { token: "unknown" }, basic("app", "s3cret"))).status).toBe(200);
    expect((await provider.auditOne()).alive).toBe(true);
    const revoked = await post(url, { token: refreshToken }, basic("app", "s3cret"));
    expect([revoked.status, revoked.text]).toEqual([200, ""]);
    expect(await provider.auditOne()).toMatchObject({ alive: false, revokedBy: "app" });
    expect((await provider.refresh(refreshToken)).json.error).toBe("invalid_grant");
  });

  test("of another client's token does nothing", async () => {
    const { auditOne, control, mintOne, simulator } = await startProvider("strict");
    await control.register({ id: "another", kind: "strict", secrets: ["x"] });
    const { refreshToken } = await mintOne();
    await post(`${simulator.url}/strict/oauth/revoke`, { token: refreshToken }, basic("another", "x"));
    expect((await auditOne()).alive).toBe(true);
  });

  test.each(["accessToken", "refreshToken"] as const)("at Intuit takes JSON with the %s", async (field) => {
    const quickbooks = await startProvider("quickbooks");
    const grant = await quickbooks.mintOne();
    const url = `${quickbooks.simulator.url}/quickbooks/v2/oauth2/tokens/revoke`;
    const headers = { ...basic("app", "s3cret"), "content-type": "application/json" };
    const unknown = await post(url, JSON.stringify({ token: "unknown" }), headers);
    expect(unknown.status).toBe(400);
    const revoked = await post(url, JSON.stringify({ token: grant[field] }), headers);
    expect(revoked.status).toBe(200);
    expect(revoked.headers.get("intuit_tid")).toBeTruthy();
    expect((await quickbooks.auditOne()).revokedBy).toBe("app");
  });
});
