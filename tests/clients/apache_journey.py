#!/usr/bin/env python3
"""Apache with mod_auth_openidc stands in front of a page, and Bailiwick says who may read it.

Run by ./test, which installs apache2 and libapache2-mod-auth-openidc; by hand: `BAILIWICK_BIN=path/to/bailiwick python apache_journey.py`.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

from journey import Browser, Failed, Page, app_of, check, demo, step

MODULES = Path("/usr/lib/apache2/modules")
CONFIGURATION = """
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error.log
DocumentRoot {folder}/pages
{user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule headers_module {modules}/mod_headers.so
LoadModule auth_openidc_module {modules}/mod_auth_openidc.so

OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCProviderTokenEndpointAuth client_secret_basic
OIDCRedirectURI http://127.0.0.1:{port}/callback
OIDCCryptoPassphrase {passphrase}
OIDCScope "openid profile email"
OIDCPKCEMethod S256
OIDCRemoteUserClaim email
OIDCCacheType shm

<Location />
    AuthType openid-connect
    Require valid-user
    Header set X-Person "expr=%{{REMOTE_USER}}"
</Location>
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def apache(info, app):
    """Starts Apache with a configuration of its own and gives the address of the page behind it."""
    program = shutil.which("apache2") or shutil.which("httpd")
    check(program and (MODULES / "mod_auth_openidc.so").exists(), "apache2 and libapache2-mod-auth-openidc are not installed")
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        (folder / "pages").mkdir()
        (folder / "pages" / "report.html").write_text("<h1>The report</h1>\n")
        (folder / "apache.conf").write_text(CONFIGURATION.format(
            folder=folder, port=port, modules=MODULES, issuer=info["issuer"], client_id=app["client_id"],
            client_secret=app["client_secret"], passphrase=os.urandom(16).hex(),
            user="User www-data\nGroup www-data" if os.geteuid() == 0 else ""))
        process = subprocess.Popen([program, "-f", str(folder / "apache.conf"), "-D", "FOREGROUND"])
        try:
            for _ in range(100):
                check(process.poll() is None, f"Apache ended with {process.poll()}")
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/report.html"
        finally:
            process.terminate()
            process.wait(timeout=30)
            log = folder / "error.log"
            if sys.exc_info()[0] and log.exists():
                print(log.read_text()[-4000:], file=sys.stderr)


def walk(browser, url, person):
    """Follows redirects and fills in forms, until there is neither."""
    answer = browser.open(url)
    for _ in range(15):
        if answer.status_code in (302, 303):
            answer = browser.open(urljoin(answer.url, answer.headers["Location"]))
            continue
        page = Page(answer.text)
        if "login-submit" in page.ids:
            values = {"login-email": person["email"], "login-password": person["password"]}
            answer = browser.submit(answer.url, page, "login-submit", values)
        elif "consent-allow" in page.ids:
            answer = browser.submit(answer.url, page, "consent-allow", {})
        else:
            return answer
    raise Failed("the browser was sent around without end")


def main():
    with demo() as info:
        app, person = app_of(info, "standard", "confidential"), info["people"]["admin"]
        with apache(info, app) as page:
            browser = Browser()
            first = browser.open(page)
            check(first.status_code == 302 and first.headers["Location"].startswith(info["issuer"]), f"{first.status_code}")
            check("report" not in first.text, "the page is served to nobody in particular")
            step("without a session Apache sends the browser to Bailiwick")

            answer = walk(browser, page, person)
            check(answer.status_code == 200 and "The report" in answer.text, f"{answer.status_code} at {answer.url}")
            check(answer.headers.get("X-Person") == person["email"], f"Apache takes the person for {answer.headers.get('X-Person')}")
            step("after sign-in and consent Apache serves the page, and knows the person by e-mail")

            stranger = Browser().open(page)
            check(stranger.status_code == 302, f"another browser: {stranger.status_code}")
            step("another browser is still a stranger")
    print("the Apache journey ended well")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAILED  {failure}")
