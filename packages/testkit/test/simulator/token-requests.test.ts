import { describe, expect, test } from "vitest";
import { basic, post, startProvider } from "./harness.ts";

describe("a token request", () => {
  test.each([
    ["form-encoded Basic", "sec%2Fr%2Bet%3A%25+x"],
    ["plain Basic", "sec/r+et:% x"],
  ])("is authenticated by %s", async (_, sent) => {
    const strict = await startProvider("strict");
    await strict.control.register({ id: "odd", kind: "strict", secrets: ["sec/r+et:% x"] });
    const [grant] = await strict.control.mint({ clientId: "odd" });
    const form = { grant_type: "refresh_token", refresh_token: grant?.refreshToken ?? "" };
    expect((await post(strict.tokenUrl, form, basic("odd", sent))).status).toBe(200);
  });

  test("is authenticated by id and secret in the body", async () => {
    const strict = await startProvider("strict");
    const { refreshToken } = await strict.mintOne();
    const form = {
      grant_type: "refresh_token",
      refresh_token: refreshToken,
      client_id: "app",
      client_secret: "s3cret",
    };
    expect((await post(strict.tokenUrl, form)).status).toBe(200);
    const refused = await post(strict.tokenUrl, { ...form, client_secret: "wrong" });
    expect([refused.status, refused.json.error]).toEqual([401, "invalid_client"]);
  });

  test("needs no secret from a public client, and takes none", async () => {
    const xero = await startProvider("xero");
    await xero.control.register({ id: "pkce", kind: "xero", secrets: [] });
    const [grant] = await xero.control.mint({ clientId: "pkce" });
    const form = { grant_type: "refresh_token", refresh_token: grant?.refreshToken ?? "", client_id: "pkce" };
    expect((await post(xero.tokenUrl, { ...form, client_secret: "x" })).json.error).toBe("invalid_client");
    expect((await post(xero.tokenUrl, form)).status).toBe(200);
  });

  test("is refused by a provider that does not accept its way of authentication", async () => {
    const strict = await startProvider("strict", { clientAuth: ["basic"] });
    const { refreshToken } = await strict.mintOne();
    const form = { grant_type: "refresh_token", refresh_token: refreshToken };
    const inBody = await post(strict.tokenUrl, { ...form, client_id: "app", client_secret: "s3cret" });
    expect(inBody.json.error).toBe("invalid_client");
    expect((await strict.refresh(refreshToken)).status).toBe(200);
  });

  test.each([
    ["two ways of authentication", { client_id: "app", client_secret: "s3cret" }, "invalid_request"],
    ["a client id that contradicts the header", { client_id: "another" }, "invalid_request"],
    ["no refresh token", { refresh_token: "" }, "invalid_request"],
    ["another grant type", { grant_type: "password" }, "unsupported_grant_type"],
    ["a wider scope", { scope: "read admin" }, "invalid_scope"],
    ["a refresh token of 20 KB", { refresh_token: "x".repeat(20_000) }, "invalid_grant"],
  ])("with %s is refused and spends nothing", async (_, change, error) => {
    const strict = await startProvider("strict");
    const { refreshToken } = await strict.mintOne({ scopes: "read write" });
    const form = { grant_type: "refresh_token", refresh_token: refreshToken, ...change };
    const refused = await post(strict.tokenUrl, form, basic("app", "s3cret"));
    expect([refused.status, refused.json.error]).toEqual([400, error]);
    expect((await strict.refresh(refreshToken)).status).toBe(200);
  });

  test("with a repeated parameter is refused", async () => {
    const strict = await startProvider("strict");
    const { refreshToken } = await strict.mintOne();
    const form = `grant_type=refresh_token&refresh_token=${refreshToken}&refresh_token=${refreshToken}`;
    expect((await post(strict.tokenUrl, form, basic("app", "s3cret"))).json.error).toBe("invalid_request");
  });

  test("that is no form is refused", async () => {
    const strict = await startProvider("strict");
    const json = { ...basic("app", "s3cret"), "content-type": "application/json" };
    expect((await post(strict.tokenUrl, "{}", json)).json.error).toBe("invalid_request");
  });

  test("without grant_type is an unsupported grant type at Xero and an invalid request elsewhere", async () => {
    const xero = await startProvider("xero");
    await xero.control.register({ id: "strict-app", kind: "strict", secrets: ["s"] });
    const strictUrl = xero.simulator.tokenUrls.strict;
    expect((await post(xero.tokenUrl, {}, basic("app", "s3cret"))).json.error).toBe("unsupported_grant_type");
    expect((await post(strictUrl, {}, basic("strict-app", "s"))).json.error).toBe("invalid_request");
  });

  test("that is a GET, or longer than a megabyte, is refused", async () => {
    const strict = await startProvider("strict");
    const get = await fetch(strict.tokenUrl);
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
    expect((await post(strict.tokenUrl, "x".repeat(2_000_000))).status).toBe(413);
  });

  test("of one provider never works at another", async () => {
    const xero = await startProvider("xero");
    await xero.control.register({ id: "strict-app", kind: "strict", secrets: ["s"] });
    const { refreshToken } = await xero.mintOne();
    const form = { grant_type: "refresh_token", refresh_token: refreshToken };
    const elsewhere = await post(xero.simulator.tokenUrls.strict, form, basic("strict-app", "s"));
    expect(elsewhere.json.error).toBe("invalid_grant");
    expect((await post(xero.simulator.tokenUrls.strict, form, basic("app", "s3cret"))).json.error).toBe(
      "invalid_client",
    );
    expect((await xero.refresh(refreshToken)).status).toBe(200);
  });

  test("with a token changed in one character is refused", async () => {
    const strict = await startProvider("strict");
    const { refreshToken } = await strict.mintOne();
    for (let place = 0; place < refreshToken.length; place += 1) {
      const other = refreshToken[place] === "A" ? "B" : "A";
      const changed = refreshToken.slice(0, place) + other + refreshToken.slice(place + 1);
      expect((await strict.refresh(changed)).json.error).toBe("invalid_grant");
    }
    expect((await strict.auditOne()).requests).toBe(0);
  });
});
