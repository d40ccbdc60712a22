"""One lab of echoing hosts for all tests of the transport; each test finds it as new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import winrm
import yaml
from pypsrp.wsman import WSMan

from lab.client import LabProcess

WINRM_FLAVOURS = ("winrm-basic-https", "winrm-ntlm-http", "winrm-ntlm-https")
PSRP_FLAVOURS = ("psrp-basic-https", "psrp-ntlm-http", "psrp-ntlm-https", "psrp-negotiate-http")


@dataclass(frozen=True)
class Echo:
    """The lab and how to reach its first host."""

    lab: LabProcess
    address: str
    user: str
    password: str
    authority: str

    def session(self, flavour: str = "winrm-basic-https", **options: Any) -> winrm.Session:
        """A pywinrm session."""
        _, authentication, scheme = flavour.split("-")
        port = 5986 if scheme == "https" else 5985
        settings = {"transport": authentication, "proxy": None, "ca_trust_path": self.authority}
        settings["message_encryption"] = "always" if scheme == "http" else "auto"
        settings.update(options)
        password = settings.pop("password", self.password)
        user = settings.pop("user", self.user)
        return winrm.Session(f"{scheme}://{self.address}:{port}/wsman", auth=(user, password), **settings)

    def wsman_options(self, flavour: str) -> dict[str, Any]:
        """Arguments of pypsrp's Client and WSMan."""
        _, authentication, scheme = flavour.split("-")
        return {
            "username": self.user,
            "password": self.password,
            "ssl": scheme == "https",
            "auth": authentication,
            "cert_validation": self.authority if scheme == "https" else True,
            "encryption": "auto" if scheme == "https" else "always",
            "no_proxy": True,
        }

    def wsman(self, flavour: str, **options: Any) -> WSMan:
        """A pypsrp connection."""
        return WSMan(self.address, **{**self.wsman_options(flavour), **options})

    def counts(self, host: str = "echo1") -> dict[str, Any]:
        """Counts of a host."""
        counts: dict[str, Any] = self.lab.counts()[host]
        return counts

    def state(self, host: str = "echo1") -> dict[str, Any]:
        """State of a host."""
        state: dict[str, Any] = self.lab.state()[host]
        return state

    def await_state(self, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Ask until the state is as wanted; the lab answers each question in a millisecond or two."""
        for _ in range(20000):
            if holds(self.state()):
                return
        raise AssertionError(f"the state never came: {self.state()}")


@pytest.fixture(scope="session")
def echo_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """The process, one a test session."""
    directory: Path = tmp_path_factory.mktemp("lab") / "echo"
    with LabProcess("lab_tests.echo:build", directory=directory) as lab:
        yield lab


@pytest.fixture
def echo(echo_process: LabProcess) -> Iterator[Echo]:
    """The lab as it was at its start."""
    inventory = yaml.safe_load(echo_process.inventory.read_text(encoding="utf-8"))
    common = inventory["all"]["vars"]
    hosts = inventory["all"]["children"]["echo"]["hosts"]
    defaults = {"max_shells": 30, "max_operations": 1500, "max_envelope_kb": 500, "latency": 0.0, "progress": True}
    yield Echo(
        echo_process,
        hosts["echo1"]["ansible_host"],
        common["ansible_user"],
        common["ansible_password"],
        str(echo_process.directory / "winrm-ca.pem"),
    )
    touched = {name for name, counts in echo_process.counts().items() if counts["requests"]}
    for member in {"echo1", "echo2", *touched}:
        echo_process.clear_faults(member)
        echo_process.restart_winrm(member)
        echo_process.configure(member, reachable=True, allow_unencrypted=False, basic=True, forget=True, **defaults)
    echo_process.reset_counts()
