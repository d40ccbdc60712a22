"""What a member answers to the stand-ins that its PowerShell asks: stores, keys, registry, services, events."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization

from ..faults import DropConnection
from ..member import hello
from ..member.engine import Engine, LostAfter
from ..member.errors import CRYPTO, CallError
from ..member.functions import FUNCTIONS, Warn
from ..member.keys import Container
from ..member.services import status
from ..member.state import State
from ..member.stores import ADMIN, MACHINE, Entry
from ..member.windows_pfx import open_pfx
from .registry import Registry, service_path

_KEYS = re.compile(r"C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\([^\\]+)", re.I)
_LEVELS = {"Error": 2, "Warning": 3, "Information": 4}
_NO_KEYSET, _BAD_PROVIDER_TYPE = 0x80090016 - 2**32, 0x80090014 - 2**32
_NO_FILE = 0x80070002 - 2**32

With = Mapping[str, Any]


class HResultError(CallError):
    """A cryptographic error with the code that .NET carries in HResult."""

    def __init__(self, message: str, hresult: int) -> None:
        super().__init__(message, "CryptographicException", CRYPTO)
        self.hresult = hresult


def denied() -> CallError:
    """What a process without an administrator's token is told."""
    return CallError("Access is denied.\r\n", "UnauthorizedAccess", CRYPTO)


def key_file(container: Container) -> str:
    """The name of the file that CryptoAPI keeps a machine key in."""
    return hashlib.md5(container.name.encode(), usedforsecurity=False).hexdigest() + "_lab"


def key_pem(container: Container) -> str:
    """The key for .NET to sign with."""
    how = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return container.key.private_bytes(*how).decode()


def _location(given: With) -> str:
    """The location of a store, as the lab names it."""
    return MACHINE if given["Location"] == "LocalMachine" else ADMIN


class Backend:
    """The asking side of one member; one for all its PowerShells."""

    functions: Mapping[str, tuple[Any, str]] = FUNCTIONS
    """The script's own functions, and what they do to the member."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.registry = Registry(engine.state)
        self.hooks = True
        """False once a connection was lost: faults strike once."""
        self.lost: DropConnection | None = None
        self._answers: dict[str, Callable[[With], Any]] = {
            "clock": lambda given: self.state.clock.now(),
            "identity": self._identity,
            "store-open": self._store_open,
            "store-add": self._store_add,
            "store-remove": self._store_remove,
            "pfx": self._pfx,
            "key": self._key,
            "key-delete": lambda given: self.state.keys.delete(given["Container"]),
            "acl-get": self._acl_get,
            "acl-add": self._acl_add,
            "registry-get": lambda given: self.registry.get(given["Path"]),
            "registry-set": lambda given: self.registry.set(given["Path"], given["Name"], given["Value"]),
            "registry-unset": lambda given: self.registry.unset(given["Path"], given["Name"]),
            "registry-new": lambda given: self.registry.make(given["Path"], given["Force"]),
            "registry-access": lambda given: self.registry.access(given["Path"]),
            "registry-acl": lambda given: self.registry.protect(given["Path"], given["Sddl"], given["Sections"]),
            "registry-children": lambda given: self.registry.children(given["Path"]),
            "strict-hello": lambda given: self.state.behaviour.tls_hello == "strict",
            "hello-refused": lambda given: hello.refused(self.state, given["Hello"]),
            "service": self._service,
            "file-version": self._file_version,
            "events": self._events,
        }

    @property
    def state(self) -> State:
        """The member."""
        return self.engine.state

    def begin(self) -> None:
        """A script begins."""
        self.hooks, self.lost = True, None

    async def answer(self, verb: str, given: With) -> Any:
        """Answer a stand-in. Raises CallError; what loses the connection passes through."""
        if verb == "cmdlet":
            return await self._cmdlet(given["Name"], given["With"])
        if verb == "enter":
            self.engine.context.pool.settle()
            await self._hook(self.engine.faults.before, given["Name"])
            self.engine.ran.append(given["Name"])
            return None
        if verb == "leave":
            self.engine.context.pool.settle()
            try:
                await self._hook(self.engine.faults.after, given["Name"])
            except DropConnection as drop:
                self._lose(LostAfter(str(drop)))
            return None
        return self._answers[verb](given)

    async def _hook(self, hook: Callable[..., Any], name: str) -> None:
        if self.hooks:
            await hook(name, "write" if self.functions[name][1] == "write" else "read")

    def _lose(self, drop: LostAfter) -> None:
        """The connection is gone after the effect: the script ends here, or runs on and nobody reads its answer."""
        if self.state.behaviour.after_drop == "stops":
            raise drop
        self.lost, self.hooks = drop, False

    async def _cmdlet(self, name: str, given: With) -> dict[str, Any]:
        warnings = Warn()
        rows: list[dict[str, Any]] = []
        try:
            rows = await self.engine.call(name, given, warnings, loaded=True, hooks=self.hooks)
        except LostAfter as drop:
            self._lose(drop)
        return {"rows": rows, "warnings": list(warnings)}

    def _identity(self, given: With) -> dict[str, Any]:
        return {"name": f"{self.state.computer}\\{self.engine.user}", "admin": self.state.behaviour.admin}

    # ---- stores and keys

    def _store_open(self, given: With) -> list[dict[str, Any]]:
        if given["Write"] and not self.state.behaviour.admin:
            raise denied()
        if not self.state.stores.made(given["Store"], _location(given)):
            if given["Existing"]:
                raise HResultError("The system cannot find the file specified.\r\n", _NO_FILE)
            # Reading makes it, too: seen with CertOpenStore where Windows' own way is not known.
            self.state.stores.make(given["Store"], _location(given))
        return [self._entry(entry) for entry in self.state.stores.seen(given["Store"], _location(given))]

    def _entry(self, entry: Entry) -> dict[str, Any]:
        container = self.state.keys.get(entry.container)
        return {
            "Thumbprint": entry.thumbprint,
            "RawData": entry.der,
            "FriendlyName": entry.friendly_name,
            "Container": entry.container,
            "Key": key_pem(container) if container else None,
        }

    def _store_add(self, given: With) -> None:
        if given["Container"] and self.state.behaviour.import_fails:
            raise denied()
        entry = Entry(given["RawData"], given["FriendlyName"] or "", given["Container"] or None)
        self.state.stores.add(given["Store"], entry, _location(given))

    def _store_remove(self, given: With) -> None:
        self.state.stores.remove(given["Store"], given["Thumbprint"], _location(given))

    def _pfx(self, given: With) -> str:
        """PFXImportCertStore: the key is on disk from now on, if the flags say so."""
        _certificate, key, provider = open_pfx(given["Pfx"], given["Password"], self.state.host.windows)
        flags = {flag.strip() for flag in given["Flags"].split(",")}
        container = Container(key, provider, "MachineKeySet" in flags, "Exportable" in flags)
        if "PersistKeySet" in flags:
            self.state.keys.add(container)
        return container.name

    def _key(self, given: With) -> dict[str, Any]:
        container = self.state.keys.get(given["Container"])
        if container is None:
            raise HResultError("Keyset does not exist\r\n", _NO_KEYSET)
        if container.cng:
            raise HResultError("Invalid provider type specified.\r\n", _BAD_PROVIDER_TYPE)
        return {
            "Key": key_pem(container),
            "Provider": container.provider,
            "Container": container.name,
            "File": key_file(container),
            "KeySpec": container.key_spec,
            "Machine": container.machine,
            "Exportable": container.exportable,
        }

    def _container_of(self, path: str) -> Container:
        found = _KEYS.fullmatch(path)
        for container in self.state.keys.containers.values():
            if found and container.machine and key_file(container) == found[1]:
                return container
        raise CallError(
            f"Could not find file '{path}'.",
            "FileNotFoundException",
            "System.IO.FileNotFoundException",
            "ObjectNotFound",
        )

    def _acl_get(self, given: With) -> list[dict[str, str]]:
        return [{"Sid": a.sid, "Rights": a.rights, "Type": a.type} for a in self._container_of(given["Path"]).acl]

    def _acl_add(self, given: With) -> None:
        if not self.state.behaviour.admin:
            raise denied()
        self._container_of(given["Path"]).grant(given["Sid"], given["Rights"].split(",")[0])

    # ---- services and events

    def _service(self, given: With) -> dict[str, str] | None:
        name = given["Name"]
        return {"Name": name, "Status": status(self.state, name)} if name in self.state.services else None

    def _file_version(self, given: With) -> str | None:
        known = {service_path(self.state, s).casefold() for s in self.state.services}
        return self.state.host.product.file_version if given["Path"].casefold() in known else None

    def _events(self, given: With) -> dict[str, Any]:
        if given["Log"] not in self.state.logs.names:
            return {"problem": "NoMatchingLogsFound", "events": []}
        sources = {s.casefold() for s in given["Sources"] or ()}
        written = self.state.logs.read(given["Log"], self.state.clock.now())
        if sources and not sources & {e.source.casefold() for e in written}:
            return {"problem": "NoMatchingProvidersFound", "events": []}
        found = [
            {"Id": e.id, "Source": e.source, "Time": e.time, "Level": _LEVELS[e.level], "Message": e.message}
            for e in reversed(written)
            if e.time > given["After"] and (not sources or e.source.casefold() in sources)
        ]
        newest = found[: given["Newest"] or None]
        return {"problem": None if newest else "NoMatchingEventsFound", "events": newest}
