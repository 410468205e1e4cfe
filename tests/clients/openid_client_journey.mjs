// openid-client goes through the whole of Bailiwick's provider: discovery to the refused call after the revocation.
//
// Run by ./test; by hand: `npm ci`, then `BAILIWICK_BIN=path/to/bailiwick node openid_client_journey.mjs`.

import * as client from "openid-client";

import { Browser, Failed, REDIRECT_URI, appOf, check, run, step, withDemo } from "./journey.mjs";

const SCOPE = "openid email profile offline_access tickets:read tickets:write";

const sameWords = (left, right) => [...left.split(" ")].sort().join(" ") === [...right.split(" ")].sort().join(" ");

async function expectError(promise, code) {
  try {
    await promise;
  } catch (error) {
    check(error.error === code, `${error.error ?? error} (${error.error_description}), expected ${code}`);
    return;
  }
  throw new Failed(`no ${code}`);
}

async function discover(info, app, authentication, algorithm = "oidc") {
  // The demo serves plain http on loopback; openid-client has to be told that this is meant.
  const options = { execute: [client.allowInsecureRequests], algorithm };
  return client.discovery(new URL(info.issuer), app.client_id, undefined, authentication, options);
}

async function standard(info, type) {
  console.log(`standard app, ${type}`);
  const app = appOf(info, "standard", type);
  const person = info.people.admin;
  const authentication = type === "confidential" ? client.ClientSecretPost(app.client_secret) : client.None();
  const config = await discover(info, app, authentication);
  const metadata = config.serverMetadata();
  check(metadata.issuer === info.issuer, `issuer ${metadata.issuer}`);
  check(metadata.supportsPKCE(), "S256 is not announced");
  check((await discover(info, app, authentication, "oauth2")).serverMetadata().token_endpoint === metadata.token_endpoint,
    "the two discovery documents name different token endpoints");
  // Signatures of id_tokens are checked by default only where TLS does not vouch for them.
  client.enableNonRepudiationChecks(config);
  step("discovery: both documents, with the issuer that was asked");

  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: SCOPE,
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  });
  const browser = new Browser();
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  const denied = await browser.authorize(address, person, "consent-deny");
  await expectError(client.authorizationCodeGrant(config, denied, checks), "access_denied");
  step("deny: access_denied, with state and iss");

  const callback = await browser.authorize(address, person);
  const tokens = await client.authorizationCodeGrant(config, callback, checks);
  check(sameWords(tokens.scope, SCOPE), `granted ${tokens.scope}`);
  check(tokens.refresh_token, "no refresh token, though offline_access was granted");
  const claims = tokens.claims();
  step("token: exactly the granted scopes; id_token: signature, iss, aud, exp, nonce are right");

  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  check(userinfo.email === person.email, `userinfo ${JSON.stringify(userinfo)}`);
  step("userinfo: the same sub, and the e-mail");

  const call = (token, method, path, body) =>
    client.fetchProtectedResource(config, token, new URL(`${info.url}${path}`), method, body && JSON.stringify(body),
      new Headers(body && { "content-type": "application/json" }));
  const listed = await (await call(tokens.access_token, "GET", "/api/tickets?limit=2")).json();
  check(listed.data.length === 2, `${listed.data.length} tickets`);
  const [ticket] = listed.data;
  await call(tokens.access_token, "PUT", `/api/tickets/${ticket.id}`, { subject: "Changed by openid-client" });
  const shown = await (await call(tokens.access_token, "GET", `/api/tickets/${ticket.id}`)).json();
  check(shown.subject === "Changed by openid-client", `subject ${shown.subject}`);
  step("API: tickets are read and written");

  const refusal = await call(tokens.access_token, "GET", "/api/customers").catch((error) => error);
  check(refusal instanceof client.WWWAuthenticateChallengeError && refusal.status === 403, `not refused: ${refusal}`);
  const [challenge] = refusal.cause;
  check(challenge.parameters.error === "insufficient_scope" && challenge.parameters.scope.includes("customers:read"),
    JSON.stringify(challenge));
  step("API: what was not granted is refused, and the missing scope is named");

  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
  check(refreshed.access_token !== tokens.access_token, "the access token did not change");
  check((await call(refreshed.access_token, "GET", "/api/tickets?limit=1")).status === 200, "the new one does not work");
  step("refresh: a new access token works");

  const ends = refreshed.refresh_token ?? tokens.refresh_token;
  await client.tokenRevocation(config, ends, { token_type_hint: "refresh_token" });
  await expectError(client.refreshTokenGrant(config, ends), "invalid_grant");
  const after = await call(refreshed.access_token, "GET", "/api/tickets").catch((error) => error);
  check(after instanceof client.WWWAuthenticateChallengeError && after.status === 401, `after revocation: ${after}`);
  check(after.cause[0].parameters.error === "invalid_token", JSON.stringify(after.cause));
  step("revoke: refresh is refused with invalid_grant, and the API answers 401 invalid_token");
}

await run(() =>
  withDemo(async (info) => {
    await standard(info, "confidential");
    await standard(info, "public");
    console.log("the openid-client journey ended well");
  }),
);
