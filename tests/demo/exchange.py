"""The second story: a request on a server, an array of Exchange 2010, and one of 2019 and SE with connectors."""

from __future__ import annotations

import base64
import re
import subprocess
import time
from pathlib import Path

from lab.client import LabProcess
from lab.exchange.client import StarttlsWatch

from .servers import Array
from .telling import Teller

FIVE = [f"{name}.contoso.example" for name in ("mail", "autodiscover", "smtp", "imap", "pop")]
MISSING = "Example Trust Secure Certificate Authority - G3"
PFX_PASSWORD = "typed-when-it-asks"


def opening(tell: Teller, array: Array) -> None:
    """The servers as they are."""
    tell.heading("Exchange arrays get new certificates")
    tell.say(
        """By hand it goes like this. A request is made on one server, with the names in the order that somebody
        chose; the vendor's answer is imported; the certificate is enabled for IIS, SMTP, POP and IMAP, and
        Outlook on the web is looked at from outside. On one of the servers. One -Force later the default SMTP
        certificate is another, and nobody knows what the other servers serve."""
    )
    tell.gap()
    tell.say(
        """Here are two simulated servers of Exchange 2010 on this machine. Ansible, its WinRM connection and the
        collection are the real ones, and so is openssl, which looks at the ports."""
    )
    tell.gap()
    array.show()
    array.claim_served("OLD", "both servers serve the old certificate, and openssl verifies it on every port")


def requested(tell: Teller, array: Array) -> str:
    """Act 1: the request. Returns it, PEM."""
    tell.heading("1. The request, on a server")
    tell.say("Five names, in this order. The key is made on ex1 and stays there:")
    subject = {"organization": "Contoso", "locality": "Redmond", "state": "Washington", "country": "US"}
    array.write("request.yml", {"request_names": FIVE, "request_subject": subject, "request_file": "mail.csr"})
    array.run("request", "-e @request.yml")
    csr = (array.lab.directory / "mail.csr").read_text(encoding="ascii")
    read = ["openssl", "req", "-noout", "-text", "-verify"]
    said = subprocess.run(read, input=csr, text=True, capture_output=True, check=False).stdout
    tell.gap()
    tell.claim("openssl reads the five names in their order", ", ".join(f"DNS:{n}" for n in FIVE) in said, said)
    again = array.run("request", "-e @request.yml")
    tell.gap()
    same = (array.lab.directory / "mail.csr").read_text(encoding="ascii") == csr
    tell.claim("asked again, the waiting request was found, not made twice: changed=0", same and not again.changed)
    return csr


def answered(tell: Teller, array: Array, csr: str) -> None:
    """Act 2: the vendor's zip, and how the key gets to the other server."""
    tell.heading("2. The vendor's zip")
    tell.aside("the vendor signs the request")
    answer = str(array.lab.configure("ex1", sign=csr)["answer"]["file"])
    short = Path(answer).relative_to(array.lab.directory)
    run = array.run("request", f"-e @request.yml -e request_answer={short}")
    tell.gap()
    array.claim_served("OLD", "the answer has met its key on ex1, and every port serves what it served before")
    line = re.search(r"(certutil) (-exportPFX \S+ \w+ (\S+))", " ".join(run.shown.split()))
    tell.claim("the run said what to type to bring the key to the other server", line is not None, run.shown)
    assert line is not None
    command, rest, path = line.groups()
    read = f"[Convert]::ToBase64String([IO.File]::ReadAllBytes('{path}'))"
    said = array.typed("ex1", f"{command} -p {PFX_PASSWORD} {rest}\n{read}")
    (array.lab.directory / "mail.pfx").write_bytes(base64.b64decode(said.strip().splitlines()[-1]))
    external = {"path": "mail.pfx", "password": PFX_PASSWORD, "extra_paths": [str(short)]}
    array.write("renewal.yml", {"rollout_bundles": {"external": external}})


def renewed(tell: Teller, array: Array) -> None:
    """Act 3: the array of 2010."""
    tell.heading("3. Both servers of 2010")
    array.run("renew_exchange", "-e @renewal.yml")
    tell.gap()
    array.show()
    array.claim_served("NEW", "both servers serve the new certificate on every port, and openssl verifies the chain")
    array.claim_owa("Outlook on the web opens from outside on both")
    array.claim_kept("the default SMTP certificate of each server is the one that it was")


def second(tell: Teller, array: Array) -> None:
    """The other array."""
    tell.heading("Another array: two servers of Exchange 2019, one of SE")
    tell.say(
        """Here connectors name their certificate by issuer and subject, as hybrid mail has it, and the new
        certificate comes from another issuing CA. Port 444 has each server's own certificate: if it loses it,
        Outlook on the web stays blank."""
    )
    tell.gap()
    array.show()
    array.claim_served("OLD", "all three servers serve the old certificate")


def refused(tell: Teller, array: Array) -> None:
    """Act 4: one intermediate is missing."""
    tell.heading("4. The vendor's zip lacks one intermediate")
    _renewal(array, "incomplete.zip")
    run = array.run("renew_exchange", "-e @renewal.yml -e @vault.yml", expected=2)
    tell.gap()
    tell.claim("the gate refused, and ansible-playbook ended with exit code 2", run.code == 2, run.code)
    tell.claim(f"the missing certificate is named: {MISSING}", MISSING in " ".join(run.shown.split()), run.shown)
    array.claim_unwritten("nothing was written to any server: no certificate, no key, no service, no journal")


def switched(tell: Teller, array: Array) -> None:
    """Act 5: the complete zip, watched."""
    tell.heading("5. The complete zip, while mail comes in")
    tell.say("Somebody hands over mail under TLS to every server, again and again, until it is done.")
    _renewal(array, "complete.zip")
    mail = [(e["host"], e["port"], e["server_name"]) for e in array._endpoints("SMTP")]
    with StarttlsWatch(mail, every=0.2) as watch:
        array.run("renew_exchange", "-e @renewal.yml -e @vault.yml")
    tell.gap()
    array.show()
    array.claim_served("NEW", "the new certificate on every port of all three, with a chain that openssl verifies")
    tell.claim(f"mail was taken under TLS at every one of {watch.probes} looks", not watch.problems, watch.problems[:3])
    array.claim_kept("default SMTP certificates and port 444 are as they were, on each server")
    array.claim_owa("Outlook on the web opens from outside on all three")
    state = array.lab.state()
    sends = {array.label(c["certificate"]) for m in state.values() for c in m["send_connectors"].values()}
    tell.claim("the Send connector to Office 365 sends with the new certificate", sends == {"NEW"}, sends)
    events = [event["id"] for member in state.values() for event in member["events"]]
    tell.claim("and nobody wrote an event about a certificate", not events, events)


def again(tell: Teller, array: Array) -> None:
    """Act 6: nothing is left to do."""
    tell.heading("6. The same run again")
    array.lab.reset_counts()
    run = array.run("renew_exchange", "-e @renewal.yml -e @vault.yml")
    tell.gap()
    tell.claim("nothing was left to do: changed=0 on every host", run.changed == 0, run.recap)
    commands = {member: counts["commands"] for member, counts in array.lab.counts().items()}
    tell.claim("it took one remote command a server", set(commands.values()) == {1}, commands)


def _renewal(array: Array, delivery: str) -> None:
    password = "{{ vault_key_password }}"
    external = {"path": f"vendor/{delivery}", "key_path": "vendor/mail.key.pem", "password": password}
    array.write("renewal.yml", {"rollout_bundles": {"external": external}})


def arrays(tell: Teller, reports: Path) -> None:
    """The whole story: two labs, one after the other."""
    started = time.monotonic()
    settings = {"second_hop": "delegates"}
    with LabProcess("exchange-array", product="exchange2010", settings={**settings, "members": "2"}) as lab:
        array = Array(lab, tell, reports)
        opening(tell, array)
        answered(tell, array, requested(tell, array))
        renewed(tell, array)
    products = "exchange2019,exchange2019,exchangese"
    with LabProcess("exchange-array", settings={**settings, "products": products}) as lab:
        array = Array(lab, tell, reports)
        for act in (second, refused, switched, again):
            act(tell, array)
    tell.heading("What you have seen")
    tell.say(
        f"""Nothing was switched until every server was proven ready; afterwards it was known, server by server,
        what is served; and what nobody asked for stayed as it was. It took {time.monotonic() - started:.0f}
        seconds on a lab. The lab is not Exchange: what no real server has shown yet stands in README.md."""
    )
