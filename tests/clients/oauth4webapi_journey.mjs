// oauth4webapi, which checks every answer by the letter of the specifications, goes through the provider: pushed and plain requests,
// bearer and DPoP tokens, a signed answer, protected resource metadata, introspection, refresh, client credentials, revocation.
//
// Run by ./test; by hand: `npm ci`, then `BAILIWICK_BIN=path/to/bailiwick node oauth4webapi_journey.mjs`.

import * as oauth from "oauth4webapi";

import { Browser, Failed, REDIRECT_URI, appOf, check, run, step, withDemo } from "./journey.mjs";

const SCOPE = "openid email profile offline_access tickets:read";
// The demo serves plain http on loopback; the library has to be told that this is meant.
const PLAIN = { [oauth.allowInsecureRequests]: true };

async function expectError(promise, code) {
  try {
    await promise;
  } catch (error) {
    check(error.error === code, `${error.error ?? error}, expected ${code}`);
    return;
  }
  throw new Failed(`no ${code}`);
}

async function discover(info) {
  const issuer = new URL(info.issuer);
  const documents = [];
  for (const algorithm of ["oidc", "oauth2"]) {
    const answer = await oauth.discoveryRequest(issuer, { algorithm, ...PLAIN });
    documents.push(await oauth.processDiscoveryResponse(issuer, answer));
  }
  check(documents[0].token_endpoint === documents[1].token_endpoint, "the two documents differ");
  const resource = new URL(info.issuer);
  const answer = await oauth.resourceDiscoveryRequest(resource, PLAIN);
  const described = await oauth.processResourceDiscoveryResponse(resource, answer);
  check(described.authorization_servers.includes(info.issuer), JSON.stringify(described));
  step("discovery: both documents of the provider, and the one of the API that names it");
  return documents[0];
}

/** An app of the demo with the way it proves itself. */
function standing(info, type) {
  const app = appOf(info, "standard", type);
  const client = { client_id: app.client_id };
  const proof = type === "confidential" ? oauth.ClientSecretBasic(app.client_secret) : oauth.None();
  return { app, client, proof };
}

/** From the request to tokens. `pushed` sends it over the back channel first, `options` may hold a DPoP key. */
async function authorize(server, info, { client, proof }, { pushed = false, options = PLAIN, more = {} } = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const asked = {
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    response_type: "code",
    scope: SCOPE,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...more,
  };
  const address = new URL(server.authorization_endpoint);
  if (pushed) {
    const push = () => oauth.pushedAuthorizationRequest(server, client, proof, asked, options);
    const answer = await withNonce(push, (answer) => oauth.processPushedAuthorizationResponse(server, client, answer));
    address.search = new URLSearchParams({ client_id: client.client_id, request_uri: answer.request_uri });
  } else {
    address.search = new URLSearchParams(asked);
  }
  const callback = await new Browser().authorize(address, info.people.admin);
  const answered = asked.response_mode === "jwt"
    ? await oauth.validateJwtAuthResponse(server, client, callback, state, PLAIN)
    : oauth.validateAuthResponse(server, client, callback, state);
  const redeem = () => oauth.authorizationCodeGrantRequest(server, client, proof, answered, REDIRECT_URI, verifier, options);
  return withNonce(redeem, (answer) =>
    oauth.processAuthorizationCodeResponse(server, client, answer, { expectedNonce: nonce, requireIdToken: true }));
}

/** Once more when the provider asks for a proof with its nonce (RFC 9449 section 8). */
async function withNonce(send, read) {
  try {
    return await read(await send());
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return read(await send());
  }
}

async function call(info, token, path, options) {
  return oauth.protectedResourceRequest(token, "GET", new URL(`${info.url}${path}`), undefined, undefined, { ...PLAIN, ...options });
}

async function bearer(server, info, type) {
  console.log(`bearer tokens, ${type}`);
  const { client, proof } = standing(info, type);
  const tokens = await authorize(server, info, { client, proof });
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  step("code: state and iss of the answer, and every claim of the id_token");

  const answer = await oauth.userInfoRequest(server, client, tokens.access_token, PLAIN);
  const userinfo = await oauth.processUserInfoResponse(server, client, claims.sub, answer);
  check(userinfo.email === info.people.admin.email, JSON.stringify(userinfo));
  check((await call(info, tokens.access_token, "/api/tickets?limit=1")).status === 200, "the token opens nothing");
  step("userinfo and API");

  const again = await oauth.refreshTokenGrantRequest(server, client, proof, tokens.refresh_token, PLAIN);
  const fresh = await oauth.processRefreshTokenResponse(server, client, again);
  check(fresh.access_token !== tokens.access_token, "the access token did not change");
  step("refresh");

  if (type === "confidential") {
    const seen = await oauth.introspectionRequest(server, client, proof, fresh.access_token, PLAIN);
    const said = await oauth.processIntrospectionResponse(server, client, seen);
    check(said.active && said.sub === claims.sub && said.client_id === client.client_id, JSON.stringify(said));
    const own = await oauth.clientCredentialsGrantRequest(server, client, proof, { scope: "tickets:read" }, PLAIN);
    const its = await oauth.processClientCredentialsResponse(server, client, own);
    check((await call(info, its.access_token, "/api/tickets?limit=1")).status === 200, "the app's own token opens nothing");
    step("introspection, and a token of the app's own");
  }

  const gone = await oauth.revocationRequest(server, client, proof, fresh.refresh_token ?? tokens.refresh_token, PLAIN);
  await oauth.processRevocationResponse(gone);
  const refused = await call(info, fresh.access_token, "/api/tickets").catch((error) => error);
  check(refused instanceof oauth.WWWAuthenticateChallengeError && refused.status === 401, `after revocation: ${refused}`);
  step("revocation");
}

async function pushedAndBound(server, info) {
  console.log("pushed requests and DPoP");
  const { client, proof } = standing(info, "public");
  const key = await oauth.generateKeyPair("ES256");
  const options = { ...PLAIN, DPoP: oauth.DPoP(client, key) };
  const tokens = await authorize(server, info, { client, proof }, { pushed: true, options });
  check(tokens.token_type === "dpop", `token_type ${tokens.token_type}`);
  step("the request was pushed, the code redeemed with a proof: the token is bound to the key");

  const read = await withNonce(() => call(info, tokens.access_token, "/api/tickets?limit=1", options), (answer) => answer);
  check(read.status === 200, `with the key: ${read.status}`);
  const stolen = await call(info, tokens.access_token, "/api/tickets?limit=1").catch((error) => error);
  check(stolen.status === 401, `without the key: ${stolen.status}`);
  const other = { ...PLAIN, DPoP: oauth.DPoP(client, await oauth.generateKeyPair("ES256")) };
  const thief = await call(info, tokens.access_token, "/api/tickets?limit=1", other).catch((error) => error);
  check(thief.status === 401, `with another key: ${thief.status}`);
  step("API: opened by the key's owner alone");

  const refresh = (options) => oauth.refreshTokenGrantRequest(server, client, proof, tokens.refresh_token, options);
  await expectError(withNonce(() => refresh(other), (answer) => oauth.processRefreshTokenResponse(server, client, answer)), "invalid_grant");
  const fresh = await withNonce(() => refresh(options), (answer) => oauth.processRefreshTokenResponse(server, client, answer));
  check(fresh.token_type === "dpop", `token_type ${fresh.token_type}`);
  step("refresh: with the same key only");
}

async function signedAnswer(server, info) {
  console.log("a signed answer (JARM)");
  const { client, proof } = standing(info, "confidential");
  const tokens = await authorize(server, info, { client, proof }, { more: { response_mode: "jwt" } });
  check(tokens.access_token, "no token");
  step("the authorization response is a JWT that the provider signed");
}

await run(() =>
  withDemo(async (info) => {
    const server = await discover(info);
    await bearer(server, info, "confidential");
    await bearer(server, info, "public");
    await pushedAndBound(server, info);
    await signedAnswer(server, info);
    console.log("the oauth4webapi journey ended well");
  }),
);
