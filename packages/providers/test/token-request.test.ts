import { describe, expect, test } from "vitest";
import { buildTokenRequest } from "../src/token-request.ts";
import { descriptorAt, openClient } from "./support/refresh-at.ts";
import { reply, startTokenEndpoint } from "./support/token-endpoint.ts";

const at = (changes: Parameters<typeof descriptorAt>[1]) =>
  descriptorAt("https://id.example.com/oauth/token?v=2", changes);
const secrets = { clientId: "client-1", clientSecret: "secret-1", refreshToken: "refresh 1+/=" };

describe("the refresh request of RFC 6749 section 6", () => {
  test("arrives as a form, asking for JSON, with Basic credentials", async () => {
    const endpoint = await startTokenEndpoint(reply(200, {}));
    await openClient().ask({ descriptor: descriptorAt(endpoint.url), ...secrets });
    const [request] = endpoint.requests;
    expect(request?.method).toBe("POST");
    expect(Object.fromEntries(request?.form ?? [])).toEqual({
      grant_type: "refresh_token",
      refresh_token: "refresh 1+/=",
    });
    expect(request?.headers).toMatchObject({
      authorization: `Basic ${btoa("client-1:secret-1")}`,
      accept: "application/json",
      "content-type": "application/x-www-form-urlencoded",
      "user-agent": expect.stringMatching(/^evergrant\/\d+\.\d+\.\d+/),
    });
  });

  test("id and secret are form-encoded before they are joined, so that a colon stays what it is", () => {
    const request = buildTokenRequest({ descriptor: at({}), ...secrets, clientId: "a:b", clientSecret: "p ü+%" });
    expect(request.headers.authorization).toBe(`Basic ${btoa("a%3Ab:p+%C3%BC%2B%25")}`);
  });

  test("post: id and secret travel in the form alone", () => {
    const request = buildTokenRequest({ descriptor: at({ clientAuthentication: "post" }), ...secrets });
    const form = Object.fromEntries(new URLSearchParams(request.body));
    expect(form).toMatchObject({ client_id: "client-1", client_secret: "secret-1" });
    expect(request.headers).not.toHaveProperty("authorization");
  });

  test.each([
    ["none", secrets],
    ["basic", { ...secrets, clientSecret: null }],
    ["post", { ...secrets, clientSecret: null }],
  ] as const)("a public client (%s) sends its id alone", (clientAuthentication, credentials) => {
    const request = buildTokenRequest({ descriptor: at({ clientAuthentication }), ...credentials });
    const form = Object.fromEntries(new URLSearchParams(request.body));
    expect(form).toEqual({ client_id: "client-1", grant_type: "refresh_token", refresh_token: "refresh 1+/=" });
    expect(request.headers).not.toHaveProperty("authorization");
  });

  test("a descriptor's headers, parameters and query are added", () => {
    const descriptor = at({ requestHeaders: { "x-api-version": "3" }, requestParameters: { audience: "books" } });
    const request = buildTokenRequest({ descriptor, ...secrets });
    expect(request.path).toBe("/oauth/token?v=2");
    expect(request.headers["x-api-version"]).toBe("3");
    expect(new URLSearchParams(request.body).get("audience")).toBe("books");
  });
});
