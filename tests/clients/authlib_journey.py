#!/usr/bin/env python3
"""Authlib goes through the whole of Bailiwick's provider: discovery to the refused call after the revocation.

Run by ./test; by hand: `pip install -r requirements.txt`, then `BAILIWICK_BIN=path/to/bailiwick python authlib_journey.py`.
"""

import base64
import sys
from urllib.parse import urlencode

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from journey import REDIRECT_URI, Browser, Failed, app_of, check, demo, parameters, step

TIMEOUT = 30
SCOPE = "openid email profile offline_access tickets:read tickets:write"


def discover(info):
    issuer = info["issuer"]
    documents = []
    for suffix in ("openid-configuration", "oauth-authorization-server"):
        url = get_well_known_url(issuer, external=True, suffix=suffix)
        answer = requests.get(url, timeout=TIMEOUT)
        check(answer.status_code == 200, f"{url}: {answer.status_code}")
        documents.append(answer.json())
    openid, server = documents
    check(openid["issuer"] == issuer == server["issuer"], f"issuer {openid['issuer']}, expected {issuer}")
    # Authlib insists on https wherever RFC 8414 does; on loopback everything else of its check still counts.
    https = {name: value.replace("http://", "https://", 1) if isinstance(value, str) else value for name, value in server.items()}
    AuthorizationServerMetadata(https).validate()
    check("S256" in server["code_challenge_methods_supported"], "S256 is not announced")
    step("discovery: both documents, valid by RFC 8414, with the issuer that was asked")
    return openid


def read_id_token(metadata, token, nonce, client_id):
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=TIMEOUT).json())
    registry = JWSRegistry(algorithms=metadata["id_token_signing_alg_values_supported"])
    decoded = jwt.decode(token["id_token"], key=keys, registry=registry)
    check("kid" in decoded.header, "the id_token names no key")
    options = {"iss": {"essential": True, "value": metadata["issuer"]}, "aud": {"essential": True, "value": client_id}}
    claims = CodeIDToken(decoded.claims, decoded.header, options,
                         {"nonce": nonce, "client_id": client_id, "access_token": token["access_token"]})
    claims.validate(leeway=5)
    return claims


def standard(info, metadata, kind):
    """The whole journey with the standard app of this kind."""
    print(f"standard app, {kind}")
    app, person, api = app_of(info, "standard", kind), info["people"]["admin"], f"{info['url']}/api"
    method = "client_secret_basic" if kind == "confidential" else "none"
    session = OAuth2Session(app["client_id"], app["client_secret"], scope=SCOPE, redirect_uri=REDIRECT_URI,
                            token_endpoint_auth_method=method, revocation_endpoint_auth_method=method,
                            code_challenge_method="S256", default_timeout=TIMEOUT)
    browser = Browser()

    verifier, nonce = generate_token(64), generate_token(24)
    url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
    check("code_challenge_method=S256" in url and verifier not in url, "Authlib sent no challenge")
    denied = parameters(browser.authorize(url, person, decision="consent-deny"))
    check(denied.get("error") == "access_denied" and denied.get("state") == state, f"after deny: {denied}")
    check(denied.get("iss") == metadata["issuer"], f"after deny: iss {denied.get('iss')}")
    step("deny: access_denied with state and iss")

    callback = browser.authorize(url, person)
    answered = parameters(callback)
    check(answered.get("iss") == metadata["issuer"], f"iss {answered.get('iss')}")
    check(app["name"] in browser.consent_pages[-1], "the consent page does not name the app")
    check("this computer" in browser.consent_pages[-1], "the consent page does not name where the answer goes")
    step("consent: the page names the app and where the answer goes, the redirect carries code, state and iss")

    wrong = OAuth2Session(app["client_id"], app["client_secret"], redirect_uri=REDIRECT_URI, state=state,
                          token_endpoint_auth_method=method, default_timeout=TIMEOUT)
    expect_error(lambda: wrong.fetch_token(metadata["token_endpoint"], authorization_response=callback,
                                           code_verifier=generate_token(64)), "invalid_grant")
    step("token: a wrong code_verifier is refused with invalid_grant")

    token = dict(session.fetch_token(metadata["token_endpoint"], authorization_response=callback, code_verifier=verifier))
    check(token["token_type"].lower() == "bearer" and token["expires_in"] > 0, f"token type {token['token_type']}")
    check(set(token["scope"].split()) == set(SCOPE.split()), f"granted {token['scope']}")
    check("refresh_token" in token, "no refresh token, though offline_access was granted")
    step("token: bearer, with exactly the granted scopes and a refresh token")

    claims = read_id_token(metadata, token, nonce, app["client_id"])
    step("id_token: signature, iss, aud, exp, nonce and at_hash are right")

    userinfo = session.get(metadata["userinfo_endpoint"]).json()
    check(userinfo["sub"] == claims["sub"] and userinfo["email"] == person["email"], f"userinfo {userinfo}")
    step("userinfo: the same sub, and the e-mail")

    listed = session.get(f"{api}/tickets", params={"limit": 2})
    check(listed.status_code == 200 and len(listed.json()["data"]) == 2, f"{listed.status_code} {listed.text[:200]}")
    ticket_id = listed.json()["data"][0]["id"]
    changed = session.put(f"{api}/tickets/{ticket_id}", json={"subject": "Changed by Authlib"})
    check(changed.status_code in (200, 202), f"{changed.status_code} {changed.text[:200]}")
    shown = session.get(f"{api}/tickets/{ticket_id}").json()
    check(shown["subject"] == "Changed by Authlib", f"subject {shown['subject']}")
    step("API: tickets are read and written")

    refused = session.get(f"{api}/customers")
    challenge = refused.headers.get("WWW-Authenticate", "")
    check(refused.status_code == 403 and "insufficient_scope" in challenge and "customers:read" in challenge,
          f"{refused.status_code} {challenge}")
    step("API: what was not granted is refused, and the missing scope is named")

    first = token
    second = dict(session.refresh_token(metadata["token_endpoint"], refresh_token=first["refresh_token"]))
    check(second["access_token"] != first["access_token"], "the access token did not change")
    check(set(second["scope"].split()) == set(SCOPE.split()), f"scope after refresh {second['scope']}")
    check(session.get(f"{api}/tickets", params={"limit": 1}).status_code == 200, "the new access token does not work")
    step("refresh: a new access token with the same scopes works")

    ends = second.get("refresh_token") or first["refresh_token"]
    gone = session.revoke_token(metadata["revocation_endpoint"], token=ends, token_type_hint="refresh_token")
    check(gone.status_code == 200, f"revocation {gone.status_code}")
    expect_error(lambda: session.refresh_token(metadata["token_endpoint"], refresh_token=ends), "invalid_grant")
    bearer = {"Authorization": f"Bearer {second['access_token']}"}
    after = requests.get(f"{api}/tickets", headers=bearer, timeout=TIMEOUT)
    check(after.status_code == 401 and "invalid_token" in after.headers.get("WWW-Authenticate", ""),
          f"after revocation {after.status_code}")
    step("revoke: refresh is refused with invalid_grant, and the API answers 401 invalid_token")


def gorgias(info):
    """An app of the Gorgias dialect, as its clients do it: no PKCE, Basic at /oauth/token, no rotation."""
    print("gorgias app, confidential")
    app, person, url = app_of(info, "gorgias", "confidential"), info["people"]["admin"], info["url"]
    session = OAuth2Session(app["client_id"], app["client_secret"], redirect_uri=REDIRECT_URI,
                            scope="openid email profile offline tickets:read users:read", default_timeout=TIMEOUT)
    authorize, state = session.create_authorization_url(f"{url}/oauth/authorize", nonce=generate_token(24))
    token = session.fetch_token(f"{url}/oauth/token", authorization_response=Browser().authorize(authorize, person))
    check({"access_token", "refresh_token", "id_token", "expires_in", "scope"} <= set(token), f"keys {sorted(token)}")
    step("token: access, refresh and id token, without PKCE")
    me = session.get(f"{url}/api/users/0").json()
    check(me["email"] == person["email"], f"users/0 {me}")
    step("API: /api/users/0 is the person who consented")
    refreshed = dict(session.refresh_token(f"{url}/oauth/token", refresh_token=token["refresh_token"]))
    check(refreshed["access_token"] != token["access_token"], "the access token did not change")
    again = session.refresh_token(f"{url}/oauth/token", refresh_token=token["refresh_token"])
    check("access_token" in again, "the refresh token works only once")
    step("refresh: the first refresh token stays good")
    gone = session.revoke_token(f"{url}/oauth/revoke", token=token["refresh_token"])
    check(gone.status_code == 200, f"revocation {gone.status_code}")
    expect_error(lambda: session.refresh_token(f"{url}/oauth/token", refresh_token=token["refresh_token"]), "invalid_grant")
    step("revoke: refresh is refused with invalid_grant")

    key = base64.b64encode(f"{person['email']}:{person['api_key']}".encode()).decode()
    account = requests.get(f"{url}/api/account", headers={"Authorization": f"Basic {key}"}, timeout=TIMEOUT)
    check(account.status_code == 200 and account.json()["domain"] == info["account"], account.text[:200])
    step("API: e-mail and API key are good too")


def zendesk(info):
    """Apps of the Zendesk dialect: /oauth/authorizations/new, and a JSON body at /oauth/tokens."""
    person, url = info["people"]["admin"], info["url"]
    for kind in ("confidential", "public"):
        print(f"zendesk app, {kind}")
        app = app_of(info, "zendesk", kind)
        verifier, state = generate_token(64), generate_token(24)
        query = {"response_type": "code", "client_id": app["client_id"], "redirect_uri": REDIRECT_URI,
                 "scope": "tickets:read users:read", "state": state}
        proof = {"client_secret": app["client_secret"]}
        if kind == "public":
            query |= {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
            proof = {}
        answered = parameters(Browser().authorize(f"{url}/oauth/authorizations/new?{urlencode(query)}", person))
        check(answered.get("state") == state and "code" in answered, f"callback {answered}")
        body = {"grant_type": "authorization_code", "code": answered["code"], "client_id": app["client_id"],
                "redirect_uri": REDIRECT_URI, "scope": "tickets:read users:read", **proof}
        if kind == "public":
            body["code_verifier"] = verifier
        token = requests.post(f"{url}/oauth/tokens", json=body, timeout=TIMEOUT)
        check(token.status_code == 200, f"{token.status_code} {token.text}")
        token = token.json()
        check(token["token_type"] == "bearer" and "refresh_token" in token, f"answer {sorted(token)}")
        step("token: JSON in, JSON out, with a refresh token")
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        listed = requests.get(f"{url}/api/tickets", params={"limit": 1}, headers=bearer, timeout=TIMEOUT)
        check(listed.status_code == 200, f"{listed.status_code} {listed.text[:200]}")
        step("API: tickets are read")
        body = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"], "client_id": app["client_id"], **proof}
        fresh = requests.post(f"{url}/oauth/tokens", json=body, timeout=TIMEOUT)
        check(fresh.status_code == 200 and fresh.json()["refresh_token"] != token["refresh_token"], fresh.text)
        replay = requests.post(f"{url}/oauth/tokens", json=body, timeout=TIMEOUT)
        check(replay.status_code == 400 and replay.json()["error"] == "invalid_grant", f"replay {replay.status_code}")
        old = requests.get(f"{url}/api/tickets", headers=bearer, timeout=TIMEOUT)
        check(old.status_code == 401, f"the replaced access token: {old.status_code}")
        step("refresh: both tokens are replaced, the old pair is refused")


def expect_error(call, code):
    try:
        call()
    except OAuthError as error:
        check(error.error == code, f"{error.error} ({error.description}), expected {code}")
        return
    raise Failed(f"no {code}")


def main():
    with demo() as info:
        metadata = discover(info)
        standard(info, metadata, "confidential")
        standard(info, metadata, "public")
        gorgias(info)
        zendesk(info)
    print("the Authlib journey ended well")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED  {failure}")
