#!/usr/bin/env python3
"""idpyoidc, the library behind several identity federations, signs a person in as a relying party and signs them out again.

Run by ./test; by hand: `pip install -r requirements.txt`, then `BAILIWICK_BIN=path/to/bailiwick python idpyoidc_journey.py`.
"""

import os
import sys
import tempfile

import requests
from idpyoidc.client.defaults import DEFAULT_OIDC_SERVICES
from idpyoidc.client.rp_handler import RPHandler

from journey import REDIRECT_URI, Browser, Failed, app_of, check, demo, parameters, step

SCOPE = ["openid", "profile", "email", "offline_access", "tickets:read"]
SERVICES = {
    **DEFAULT_OIDC_SERVICES,
    "end_session": {"class": "idpyoidc.client.oidc.end_session.EndSession"},
}
PKCE = {
    "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
    "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
}


def relying_party(info, app, method):
    """A handler that knows one provider, called `bailiwick`."""
    provider = {
        "issuer": info["issuer"],
        "client_type": "oidc",
        "client_id": app["client_id"],
        "redirect_uris": [REDIRECT_URI],
        "response_types_supported": ["code"],
        "client_authn_methods": [method, "bearer_header"],
        "token_endpoint_auth_methods_supported": [method],
        "add_ons": {"pkce": PKCE},
        **({"client_secret": app["client_secret"]} if app["client_secret"] else {}),
    }
    return RPHandler(base_url="http://127.0.0.1", client_configs={"bailiwick": provider}, services=dict(SERVICES),
                     httpc_params={"verify": True, "timeout": 30})


def journey(info, method):
    print(f"confidential app, {method}")
    app, person = app_of(info, "standard", "confidential"), info["people"]["admin"]
    handler = relying_party(info, app, method)
    browser = Browser()

    url = handler.begin("bailiwick", req_args={"scope": SCOPE})
    check("code_challenge_method=S256" in url, "idpyoidc sent no challenge")
    answered = parameters(browser.authorize(url, person))
    done = handler.finalize(info["issuer"], answered)
    check("error" not in done, f"finalize: {done}")
    claims, userinfo = done["id_token"], done["userinfo"]
    check(claims["iss"] == info["issuer"] and app["client_id"] in claims["aud"], f"id_token {claims}")
    check(userinfo["sub"] == claims["sub"] and userinfo["email"] == person["email"], f"userinfo {userinfo}")
    step("discovery, code, id_token and userinfo: idpyoidc is content with each")

    state = answered["state"]
    first, _ = handler.get_valid_access_token(state)
    fresh = handler.refresh_access_token(state)
    check(fresh["access_token"] != first, "the access token did not change")
    bearer = {"Authorization": f"Bearer {fresh['access_token']}"}
    listed = requests.get(f"{info['url']}/api/tickets", params={"limit": 1}, headers=bearer, timeout=30)
    check(listed.status_code == 200, f"{listed.status_code} {listed.text[:200]}")
    step("refresh: the new access token opens the API")

    request = handler.logout(state)
    check(request["url"].startswith(info["issuer"]), f"logout at {request['url']}")
    answer = browser.open(request["url"])
    check(answer.status_code in (200, 302, 303), f"logout: {answer.status_code}")
    again = browser.open(handler.begin("bailiwick", req_args={"scope": SCOPE, "prompt": "none"}))
    refused = parameters(again.headers.get("Location", ""))
    check(refused.get("error") == "login_required", f"after logout: {refused}")
    step("logout: afterwards nobody is signed in")


def main():
    with demo() as info, tempfile.TemporaryDirectory() as folder:
        # The library writes keys of its own into the folder that it runs in.
        os.chdir(folder)
        journey(info, "client_secret_basic")
        journey(info, "client_secret_post")
    print("the idpyoidc journey ended well")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED  {failure}")
