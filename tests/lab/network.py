"""A loopback network of its own for each lab, so that several run side by side."""

from __future__ import annotations

import random
import socket
from types import TracebackType

CLAIM_HOST = 254  # the address whose socket says that the network is taken
CLAIM_PORT = 5985


class Network:
    """``127.a.b`` held by a bound socket until closed. Linux routes all of 127.0.0.0/8 to loopback."""

    def __init__(self, prefix: str, claim: socket.socket) -> None:
        self.prefix = prefix
        self._claim = claim
        self._further: list[Network] = []

    @classmethod
    def claim(cls, prefix: str | None = None) -> Network:
        """Take ``prefix``, or a free one at random (a from 64 to 250). Raises OSError when it is taken."""
        if prefix is not None:
            return cls(prefix, _bound(prefix))
        for _ in range(100):
            candidate = f"127.{random.randint(64, 250)}.{random.randint(0, 255)}"
            try:
                return cls(candidate, _bound(candidate))
            except OSError:
                continue
        raise OSError(
            "expected a free loopback network 127.a.b, found none in 100 tries; are 127.64.0.0 and up usable?"
        )

    def further(self, number: int) -> str:
        """The prefix of the ``number``-th network beside this one (from 1), for labs whose members need more addresses.

        Taken when it is asked for the first time, a free one at random, and given back together with this one.
        """
        while len(self._further) < number:
            self._further.append(Network.claim())
        return self._further[number - 1].prefix

    def close(self) -> None:
        """Give the network back."""
        self._claim.close()
        for network in self._further:
            network.close()

    def __enter__(self) -> Network:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _bound(prefix: str) -> socket.socket:
    claim = socket.socket()
    try:
        claim.bind((f"{prefix}.{CLAIM_HOST}", CLAIM_PORT))
        claim.listen(1)
    except OSError:
        claim.close()
        raise
    return claim
