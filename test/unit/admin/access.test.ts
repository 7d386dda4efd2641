import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type JWTPayload } from "jose";
import { afterEach, beforeAll, beforeEach, describe, it, vi, type MockInstance } from "vitest";

import { OWN, startAdmin } from "./fixtures.ts";

const IN = 500;
const AUDIENCE = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2";
const ISSUER = "https://example-team.cloudflareaccess.com";
const CERTS = `${ISSUER}/cdn-cgi/access/certs`;
const access = { team: "example-team", audience: AUDIENCE };

let keys: CryptoKeyPair;
let others: CryptoKeyPair;
let certs: MockInstance<typeof fetch>;

beforeAll(async () => {
  keys = await generateKeyPair("RS256", { extractable: true });
  others = await generateKeyPair("RS256", { extractable: true });
});

beforeEach(async () => {
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: "one", alg: "RS256", use: "sig" };
  certs = vi
    .spyOn(globalThis, "fetch")
    .mockImplementation(async () => Response.json({ keys: [jwk] }));
});

afterEach(() => {
  certs.mockRestore();
});

interface Made {
  readonly claims?: JWTPayload;
  readonly issuer?: string;
  readonly audience?: string;
  readonly expires?: string | null;
  readonly key?: CryptoKey;
  readonly kid?: string;
}

async function assertion(made: Made = {}): Promise<string> {
  const { claims = {}, issuer = ISSUER, audience = AUDIENCE, expires = "1h" } = made;
  const jwt = new SignJWT({ email: "operator@example.com", ...claims })
    .setProtectedHeader({ alg: "RS256", kid: made.kid ?? "one" })
    .setIssuer(issuer)
    .setAudience([audience])
    .setIssuedAt();
  if (expires !== null) jwt.setExpirationTime(expires);
  return jwt.sign(made.key ?? keys.privateKey);
}

/** Signed with what everybody knows, as if it were a shared secret. */
async function withPublicKey(): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: "HS256", kid: "one" })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(await exportSPKI(keys.publicKey)));
}

const shown = (jwt: string): RequestInit => ({ headers: { "cf-access-jwt-assertion": jwt } });

describe("Cloudflare Access", () => {
  it("opens the admin to an assertion in the header or the cookie", async ({ expect }) => {
    const ask = startAdmin({ access });
    const jwt = await assertion();
    expect((await ask("/api/pools", shown(jwt))).status).toBe(IN);
    const cookie = `CF_Authorization=${jwt}`;
    expect((await ask("/api/pools", { headers: { cookie } })).status).toBe(IN);
  });

  it("fetches the team's keys once for many requests", async ({ expect }) => {
    const ask = startAdmin({ access });
    for (let n = 0; n < 5; n++) await ask("/api/pools", shown(await assertion()));
    expect(certs.mock.calls.map(([url]) => String(url))).toEqual([CERTS]);
  });

  const refused: readonly (readonly [string, () => Promise<string>])[] = [
    ["another application", () => assertion({ audience: "f".repeat(64) })],
    ["another team", () => assertion({ issuer: "https://evil.cloudflareaccess.com" })],
    ["an hour ago", () => assertion({ expires: "-1h" })],
    ["no end", () => assertion({ expires: null })],
    ["a time to come", () => assertion({ claims: { nbf: 4_000_000_000 } })],
    ["another key", () => assertion({ key: others.privateKey })],
    ["a key that the team has not", () => assertion({ kid: "two" })],
    ["whoever knows the team's public key", withPublicKey],
    ["nobody", async () => "eyJhbGciOiJub25lIn0.e30."],
    ["garbage", async () => "garbage"],
  ];

  it.for(refused)("is closed to an assertion of %s", async ([, make], { expect }) => {
    expect((await startAdmin({ access })("/api/pools", shown(await make()))).status).toBe(401);
  });

  it("stays closed while the team's keys can't be had; the token still opens", async ({
    expect,
  }) => {
    certs.mockImplementation(async () => new Response("no", { status: 500 }));
    const ask = startAdmin({ access });
    expect((await ask("/api/pools", shown(await assertion()))).status).toBe(401);
    const headers = { authorization: "Bearer only-for-tests-admin-token" };
    expect((await ask("/api/pools", { headers })).status).toBe(IN);
  });

  it("writes only from our own pages", async ({ expect }) => {
    const ask = startAdmin({ access });
    const jwt = { "cf-access-jwt-assertion": await assertion() };
    const status = async (headers: Record<string, string>) =>
      (await ask("/api/sessions/x", { method: "DELETE", headers: { ...jwt, ...headers } })).status;
    // There is no router behind this admin, so 500 is how far one gets.
    expect(await status(OWN)).toBe(IN);
    expect(await status({})).toBe(403);
    expect(await status({ origin: "https://evil.example" })).toBe(403);
  });

  it("is not asked where it is not configured, nor without an admin token", async ({ expect }) => {
    const jwt = await assertion();
    expect((await startAdmin()("/api/pools", shown(jwt))).status).toBe(401);
    expect((await startAdmin({ access, token: null })("/api/pools", shown(jwt))).status).toBe(404);
    expect(certs).not.toHaveBeenCalled();
  });
});
