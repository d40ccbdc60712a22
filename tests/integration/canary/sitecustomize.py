"""Loaded by every Python of a run whose PYTHONPATH names this folder: writes down the one-time passwords it makes."""

from __future__ import annotations

import os
import secrets

if os.environ.get("UCOPS_CANARY"):
    _token_urlsafe = secrets.token_urlsafe

    def token_urlsafe(nbytes: int | None = None) -> str:
        """secrets.token_urlsafe, overheard."""
        token = _token_urlsafe(nbytes)
        with open(os.environ["UCOPS_CANARY"], "a", encoding="ascii") as stream:
            stream.write(token + "\n")
        return token

    secrets.token_urlsafe = token_urlsafe
