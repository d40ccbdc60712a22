"""The web sites: a small Outlook on the web whose cookie is encrypted with the certificate of the Default Web Site.

The cookie holds a random key, encrypted with the certificate's RSA key, and what that key encrypts. Only a server
whose IIS works with the same certificate can read it.
"""

from __future__ import annotations

import base64
import os
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..member.stores import Entry
from ..wsman.http import Request, Response
from . import components, services, watch
from .state import ExchangeState

COOKIE = "cadata"
LOGON = "/owa/auth/logon.aspx"
_FORM = """<!DOCTYPE html><html><head><title>Outlook</title></head><body><form action="/owa/auth.owa" method="POST">
<input name="username"><input name="password" type="password"><input type="submit" value="sign in"></form></body></html>
"""


def cookie_entry(state: ExchangeState) -> Entry | None:
    """The certificate that cookies are encrypted with now."""
    if state.behaviour.cookie_applies == "at-once":
        return state.bound(443)
    return state.entry(state.cookie_certificate)


def _key(state: ExchangeState) -> rsa.RSAPrivateKey | None:
    """Its private key as CryptoAPI opens it: none when a key storage provider holds it."""
    entry = cookie_entry(state)
    container = state.keys.get(entry.container) if entry else None
    if container is None or container.cng or not isinstance(container.key, rsa.RSAPrivateKey):
        if container is not None:
            watch.cookie_failed(state)
        return None
    return container.key


def seal(state: ExchangeState, user: str) -> str:
    """A cookie for a user. With a key that cannot be opened it is one that nobody can read."""
    entry = cookie_entry(state)
    public = entry.certificate.public_key() if entry else None
    secret, nonce = AESGCM.generate_key(128), os.urandom(12)
    sealed = public.encrypt(secret, padding.PKCS1v15()) if isinstance(public, rsa.RSAPublicKey) else os.urandom(256)
    parts = (sealed, nonce, AESGCM(secret).encrypt(nonce, user.encode(), None))
    return ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts)


def unseal(state: ExchangeState, cookie: str) -> str | None:
    """The user of a cookie, or None when this server cannot read it."""
    key = _key(state)
    try:
        sealed, nonce, data = (base64.urlsafe_b64decode(p + "=" * (-len(p) % 4)) for p in cookie.split("."))
        if key is None:
            return None
        return AESGCM(key.decrypt(sealed, padding.PKCS1v15())).decrypt(nonce, data, None).decode()
    except (ValueError, InvalidTag):
        return None


def _page(text: str, status: int = 200) -> Response:
    return Response(status, [("Content-Type", "text/html; charset=utf-8")], text.encode())


def _redirect(where: str, *headers: tuple[str, str]) -> Response:
    return Response(302, [("Location", where), *headers])


def _cookie(request: Request) -> str | None:
    for part in request.headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE and value:
            return value
    return None


def front_end(state: ExchangeState, request: Request) -> Response:
    """The Default Web Site, over TLS."""
    path = request.path.partition("?")[0].lower()
    if path == "/owa/healthcheck.htm":
        if components.component(state, components.WEB) != "Active":
            return _page("503 Service Unavailable", 503)
        return _page(f"200 OK<br/>{state.fqdn}")
    if path == LOGON:
        return _page(_FORM)
    if path == "/owa/auth.owa" and request.method == "POST":
        form = parse_qs(request.body.decode("utf-8", "replace"))
        if not (form.get("username") and form.get("password")):
            return _redirect(f"{LOGON}?reason=2")
        state.visits.logins += 1
        cookie = f"{COOKIE}={seal(state, form['username'][0])}; path=/; secure; HttpOnly"
        return _redirect("/owa/", ("Set-Cookie", cookie))
    if path.startswith(("/owa", "/ecp")):
        return _mailbox(state, request)
    if path == "/":
        return _redirect("/owa/")
    return _page("404 - File or directory not found.", 404)


def _mailbox(state: ExchangeState, request: Request) -> Response:
    cookie = _cookie(request)
    state.visits.while_offline += components.component(state, components.WEB) != "Active"
    user = unseal(state, cookie) if cookie else None
    if user is None:
        state.visits.relogins += cookie is not None
        return _redirect(f"{LOGON}?url={request.path}")
    if not watch.back_end_works(state):
        watch.http_failed(state, 444)
        state.visits.blank_pages += 1
        return _page("")
    return _page(f"<!DOCTYPE html><html><head><title>Mail - {user}</title></head><body>Inbox</body></html>")


def plain(state: ExchangeState, request: Request) -> Response:
    """Port 80: the redirect that many admins set up, which "Require SSL" breaks."""
    if state.require_ssl:
        return _page("403.4 - Forbidden: SSL is required to view this resource.", 403)
    host = request.headers.get("host", state.fqdn).partition(":")[0]
    return _redirect(f"https://{host}/owa/")


def back_end(state: ExchangeState, request: Request) -> Response:
    """The site "Exchange Back End" answers servers only."""
    return _page("401 - Unauthorized: Access is denied due to invalid credentials.", 401)


def available(state: ExchangeState) -> bool:
    """Whether IIS runs."""
    return services.running(state, services.IIS)
