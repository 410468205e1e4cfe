"""What a client script needs besides its OAuth library: the demo, a browser made of forms, and steps that fail loudly."""

import json
import os
import subprocess
from contextlib import contextmanager
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

# Nothing listens there: the browser stops before it. Any port is right for a loopback address (RFC 8252 section 7.3).
REDIRECT_URI = "http://127.0.0.1:49321/callback"


@contextmanager
def demo():
    """Starts `bailiwick demo --json`, gives its JSON line, and ends it. `BAILIWICK_BIN` names the binary."""
    binary = os.environ.get("BAILIWICK_BIN", "target/debug/bailiwick")
    command = [binary, "demo", "--json", "--listen", "127.0.0.1:0", "--tickets", "60"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(command)} printed no line; it ended with {process.wait()}")
        yield json.loads(line)
    finally:
        process.terminate()
        rest = process.communicate(timeout=30)[0]
        check(rest == "", f"the demo printed more than one line: {rest!r}")


class Failed(Exception):
    """A step that did not go as it must."""


def check(condition, otherwise):
    if not condition:
        raise Failed(otherwise)


def step(text):
    print(f"  ok  {text}", flush=True)


def app_of(info, dialect, kind):
    return next(app for app in info["apps"] if app["dialect"] == dialect and app["type"] == kind)


class Page(HTMLParser):
    """The forms of a page: where each goes, its fields, and the ids inside it."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.ids, self.text, self.hidden = [], set(), [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "form":
            self.forms.append({"action": attributes.get("action", ""), "method": attributes.get("method", "get"),
                               "fields": {}, "ids": {}})
        elif tag in ("input", "button", "select", "textarea") and self.forms:
            form = self.forms[-1]
            if "id" in attributes:
                form["ids"][attributes["id"]] = attributes
            kind = attributes.get("type", "submit" if tag == "button" else "text")
            unchecked = kind in ("checkbox", "radio") and "checked" not in attributes
            if "name" in attributes and kind not in ("submit", "button", "image", "reset") and not unchecked:
                form["fields"].setdefault(attributes["name"], []).append(attributes.get("value", ""))
        if tag in ("style", "script"):
            self.hidden += 1

    def handle_endtag(self, tag):
        if tag in ("style", "script"):
            self.hidden -= 1

    def handle_data(self, data):
        if not self.hidden and data.strip():
            self.text.append(data.strip())

    def form_with(self, element_id):
        return next((form for form in self.forms if element_id in form["ids"]), None)


class Browser:
    """A browser without JavaScript: cookies, redirects and forms, found by the ids of their elements."""

    def __init__(self):
        self.http = requests.Session()
        self.consent_pages = []

    def open(self, url):
        return self.http.get(url, allow_redirects=False, timeout=30)

    def submit(self, base, page, button_id, values):
        form = page.form_with(button_id)
        check(form is not None, f"no form with the element {button_id}")
        fields = dict(form["fields"])
        for element_id, value in values.items():
            check(element_id in form["ids"], f"no field {element_id} beside {button_id}")
            fields[form["ids"][element_id]["name"]] = [value]
        button = form["ids"][button_id]
        if "name" in button:
            fields[button["name"]] = [button.get("value", "")]
        # A browser lets the pressed button's own address win.
        action = button.get("formaction") or form["action"]
        check(form["method"].lower() == "post", f"the form of {button_id} is sent by {form['method']}")
        # A browser names the page's origin on every form it posts.
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(base))
        headers = {"Origin": origin, "Referer": base, "Sec-Fetch-Site": "same-origin"}
        return self.http.post(urljoin(base, action), data=fields, headers=headers, allow_redirects=False, timeout=30)

    def authorize(self, url, person, decision="consent-allow"):
        """Goes from the authorization address to the app's redirect URI, which it gives back with its parameters."""
        answer = self.open(url)
        for _ in range(12):
            if answer.status_code in (302, 303):
                target = urljoin(answer.url, answer.headers["Location"])
                if target.startswith(REDIRECT_URI):
                    return target
                answer = self.open(target)
                continue
            page = Page(answer.text)
            where = f"{answer.status_code} at {answer.url}: {' '.join(page.text)[:300]}"
            check(answer.status_code == 200, where)
            if "login-submit" in page.ids:
                values = {"login-email": person["email"], "login-password": person["password"]}
                answer = self.submit(answer.url, page, "login-submit", values)
            elif decision in page.ids:
                self.consent_pages.append(" ".join(page.text))
                answer = self.submit(answer.url, page, decision, {})
            else:
                raise Failed(f"neither sign-in nor consent: {where}")
        raise Failed("the browser was sent around without end")


def parameters(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}
