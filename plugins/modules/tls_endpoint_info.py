#!/usr/bin/python
# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tls_endpoint_info: the certificates that TLS ports present, read from where it runs."""

DOCUMENTATION = r"""
module: tls_endpoint_info
short_description: Read the certificate chain that TLS ports present
version_added: 0.1.0
description:
  - Connects to each port, reads the certificates that are presented, in the order sent, and goes away.
  - Nothing is judged or trusted here. A port that answers nonsense, or nothing, is an entry with
    RV(endpoints[].error), never a failure of the task.
  - A port that insists on a client certificate is read all the same, since the server's certificates come first.
  - Runs with the Python of the host that it is delegated to, so that external interfaces can be read from where they
    can be reached. On C(localhost) it runs within the controller.
options:
  endpoints:
    description: The ports to read.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: Name or address to connect to. The member's own address, not that of a load balancer.
        type: str
        required: true
      port:
        description: TCP port.
        type: int
        required: true
      server_name:
        description:
          - Name that is asked for (SNI).
          - None is sent when it is left out or an address.
        type: str
      starttls:
        description:
          - For a port that begins in the clear, the protocol in which TLS is asked for.
          - A server that does not offer it is an entry with RV(endpoints[].error); Exchange offers no STARTTLS on a
            connector for whose name it has no certificate.
        type: str
        choices: [smtp, imap, pop3]
      name:
        description: What the port is called in the result.
        type: str
      use:
        description: What the certificate on this port is used for. Returned as given.
        type: str
  timeout:
    description: Seconds allowed for each port, from the first packet to the last.
    type: float
    default: 10
  workers:
    description: How many ports are read at once.
    type: int
    default: 32
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: Only reads, in check mode too.
  diff_mode:
    support: none
    details: Nothing is changed.
  platform:
    platforms: posix
    support: full
author:
  - ucops.certificates contributors (@ucops)
"""

EXAMPLES = r"""
- name: What do the ports of the pool present, seen from the perimeter network?
  ucops.certificates.tls_endpoint_info:
    endpoints:
      - name: Access Edge
        host: 192.0.2.11
        port: 443
        server_name: sip.contoso.example
      - name: Access Edge federation
        host: 192.0.2.11
        port: 5061
        server_name: sip.contoso.example
  delegate_to: vantage.contoso.example
  register: presented

- name: What does SMTP present after STARTTLS, on each server of the array?
  ucops.certificates.tls_endpoint_info:
    endpoints:
      - {host: ex1.corp.contoso.example, port: 25, starttls: smtp}
      - {host: ex2.corp.contoso.example, port: 25, starttls: smtp}
      - {host: ex1.corp.contoso.example, port: 143, starttls: imap}
  delegate_to: localhost

- name: How many certificates each of them sends
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.certificates | length }} {{ item.error or '' }}"
  loop: "{{ presented.endpoints }}"
"""

RETURN = r"""
endpoints:
  description: One entry for each port, in the order asked.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: As given.
      type: str
      returned: always
    use:
      description: As given.
      type: str
      returned: always
    host:
      description: As given.
      type: str
      returned: always
    port:
      description: As given.
      type: int
      returned: always
    server_name:
      description: As given.
      type: str
      returned: always
    starttls:
      description: As given.
      type: str
      returned: always
    ok:
      description: Whether certificates were read.
      type: bool
      returned: always
    error:
      description: Why no certificate could be read, in a sentence; null when some were.
      type: str
      returned: always
    handshake:
      description: Whether the handshake was completed.
      type: bool
      returned: always
    handshake_error:
      description:
        - Why it was not completed although certificates were read.
        - A client certificate that the server insists on is one reason.
      type: str
      returned: always
    protocol:
      description: Protocol version that the server chose; null where unknown.
      type: str
      returned: always
      sample: TLSv1.2
    cipher:
      description: Cipher suite, once the handshake was completed.
      type: str
      returned: always
      sample: ECDHE-RSA-AES256-GCM-SHA384
    client_certificate_requested:
      description: Whether the server asked for a client certificate; null where that cannot be seen (TLS 1.3).
      type: bool
      returned: always
    certificates:
      description: What was presented, in the order sent.
      type: list
      elements: dict
      returned: always
      contains:
        der:
          description: The certificate, DER in base64.
          type: str
          returned: always
        thumbprint:
          description: SHA-1 of the certificate, as Windows shows it.
          type: str
          returned: always
          sample: 27AC9369FAF25207BB2627CEFACCBE4EF9C319B8
        sha256:
          description: SHA-256 of the certificate, lower-case hexadecimal.
          type: str
          returned: always
"""

import base64
import hashlib
from typing import Any, Dict, List, Mapping

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ucops.certificates.plugins.module_utils.tls_probe import probe_many

ARGUMENT_SPEC: Dict[str, Any] = {
    "endpoints": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "server_name": {"type": "str"},
            "starttls": {"type": "str", "choices": ["smtp", "imap", "pop3"]},
            "name": {"type": "str"},
            "use": {"type": "str"},
        },
    },
    "timeout": {"type": "float", "default": 10},
    "workers": {"type": "int", "default": 32},
}


def read_endpoints(options: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """Reads all ports. ``options``: validated by ARGUMENT_SPEC. Returns what RETURN says of ``endpoints``."""
    endpoints = options["endpoints"]
    answers = probe_many(endpoints, options["timeout"], options["workers"])
    return [
        dict(answer, name=endpoint["name"], use=endpoint["use"], certificates=[_row(c) for c in answer["certificates"]])
        for endpoint, answer in zip(endpoints, answers)
    ]


def _row(der: bytes) -> Dict[str, str]:
    return {
        "der": base64.b64encode(der).decode("ascii"),
        # Windows names certificates by SHA-1; it protects nothing here.
        "thumbprint": hashlib.sha1(der).hexdigest().upper(),
        "sha256": hashlib.sha256(der).hexdigest(),
    }


def main() -> None:
    """Ansible's entry point."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.exit_json(changed=False, endpoints=read_endpoints(module.params))


if __name__ == "__main__":
    main()
