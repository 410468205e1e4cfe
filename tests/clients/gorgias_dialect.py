"""What the scripts of the Gorgias dialect share: a token through the demo's app and calls with it."""

from urllib.parse import urlencode

import requests

from journey import REDIRECT_URI, Browser, app_of, check, parameters

TIMEOUT = 30


def install(info, scopes, person="admin"):
    """Goes through the installation of the demo's Gorgias app, and gives the answer of the token endpoint."""
    app = app_of(info, "gorgias", "confidential")
    url = info["issuer"] + "/oauth/authorize?" + urlencode({
        "response_type": "code", "client_id": app["client_id"], "redirect_uri": REDIRECT_URI, "scope": scopes, "state": "s", "nonce": "n"})
    answered = parameters(Browser().authorize(url, info["people"][person]))
    check("code" in answered and answered.get("state") == "s", f"no code: {answered}")
    return token_request(info, grant_type="authorization_code", code=answered["code"], redirect_uri=REDIRECT_URI)


def token_request(info, **fields):
    app = app_of(info, "gorgias", "confidential")
    answer = requests.post(info["issuer"] + "/oauth/token", auth=(app["client_id"], app["client_secret"]), data=fields, timeout=TIMEOUT)
    check(answer.status_code == 200, f"{fields['grant_type']}: {answer.status_code} {answer.text}")
    return answer.json()


class Api:
    """Calls below /api, by default with a bearer token."""

    def __init__(self, info, token=None, basic=None):
        self.root, self.url, self.http = info["url"], info["url"] + "/api/", requests.Session()
        self.http.max_redirects = 0
        if token:
            self.http.headers["Authorization"] = f"Bearer {token}"
        else:
            self.http.auth = basic

    def call(self, method, path, status=None, **rest):
        """The answer's JSON; None if it has no bytes. `status` is what it must be, any success without it."""
        answer = self.http.request(method, self.url + path, timeout=TIMEOUT, allow_redirects=False, **rest)
        well = answer.status_code == status if status else 200 <= answer.status_code < 300
        check(well, f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        if not answer.content:
            check(answer.status_code == 204 or answer.headers.get("Content-Length") == "0", f"{method} {path}: no length")
            return None
        return answer.json()

    def get(self, path, **params):
        return self.call("GET", path, params=params)
