#!/usr/bin/python
# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""haproxy_server: one server of a HAProxy backend taken out of the balancing, and back."""

DOCUMENTATION = r"""
module: haproxy_server
short_description: Drains a server of a HAProxy backend, and puts it back
version_added: 0.1.0
description:
  - Sets the state of one server by HAProxy's runtime API, waits until its sessions have ended, or until it is up again.
  - Runs on the balancer, with its Python, because the socket is a file there. One on TCP can be used from anywhere.
  - Refuses to take out the last server of a backend that is up.
  - The runtime API changes the running process only. A reload forgets it unless HAProxy keeps its state in a file.
options:
  socket:
    description: Path of the socket, or V(host:port). It needs V(level admin).
    type: str
    default: /run/haproxy/admin.sock
  backend:
    description: The backend.
    type: str
    required: true
  server:
    description: The server's name in the backend.
    type: str
    required: true
  state:
    description:
      - V(drain) sends no new sessions but those that persistence binds to it, V(maint) none, V(ready) lifts both.
    type: str
    choices: [ready, drain, maint]
    required: true
  wait_seconds:
    description:
      - How long sessions may take to end, or the health check to find the server up.
    type: int
    default: 300
  poll_seconds:
    description: How often the balancer is asked.
    type: float
    default: 2
  expired:
    description:
      - What is done about sessions that have not ended. V(abort) puts the server back to what it was, and fails.
    type: str
    choices: [abort, continue]
    default: abort
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: posix
    support: full
author:
  - ucops.certificates contributors (@ucops)
"""

EXAMPLES = r"""
- name: Take a member out
  ucops.certificates.haproxy_server:
    backend: exchange_https
    server: ex1
    state: drain
  delegate_to: balancer.contoso.example
  register: out

- name: And back to what it was
  ucops.certificates.haproxy_server:
    backend: exchange_https
    server: ex1
    state: "{{ out.before }}"
  delegate_to: balancer.contoso.example
"""

RETURN = r"""
before:
  description: The state that it had.
  returned: success
  type: str
  sample: ready
sessions:
  description: Sessions in the end.
  returned: success
  type: int
up:
  description: Whether it takes new sessions in the end.
  returned: success
  type: bool
"""

import time
from typing import Any, Dict, Mapping, Tuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ucops.certificates.plugins.module_utils import haproxy

ARGUMENT_SPEC = {
    "socket": {"type": "str", "default": "/run/haproxy/admin.sock"},
    "backend": {"type": "str", "required": True},
    "server": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["ready", "drain", "maint"], "required": True},
    "wait_seconds": {"type": "int", "default": 300},
    "poll_seconds": {"type": "float", "default": 2},
    "expired": {"type": "str", "choices": ["abort", "continue"], "default": "abort"},
}


def look(options: Mapping[str, Any]) -> Tuple[Dict[str, Tuple[str, bool]], int]:
    """The servers of the backend, and the sessions of the server."""
    where, backend, server = options["socket"], options["backend"], options["server"]
    found = haproxy.servers(haproxy.ask(where, f"show servers state {backend}"), backend)
    if server not in found:
        return found, 0
    return found, haproxy.sessions(haproxy.ask(where, "show stat"), backend, server)


def put(options: Mapping[str, Any], state: str) -> None:
    """Set a state. Raises RuntimeFault: an accepted command is answered with an empty line."""
    command = f"set server {options['backend']}/{options['server']} state {state}"
    said = haproxy.ask(options["socket"], command).strip()
    if said:
        raise haproxy.RuntimeFault(f"it answers {command!r}: {said[:200]}")


def wait(options: Mapping[str, Any]) -> Tuple[bool, int, bool]:
    """Until the server is where it should be: whether it is up, its sessions, whether time was up before."""
    end = time.monotonic() + options["wait_seconds"]
    while True:
        found, count = look(options)
        admin, is_up = found[options["server"]]
        done = is_up if options["state"] == "ready" else count == 0
        rest = end - time.monotonic()
        if (admin == options["state"] and done) or rest <= 0:
            return is_up, count, not done
        time.sleep(min(options["poll_seconds"], rest))


def act(module: AnsibleModule, options: Mapping[str, Any]) -> Dict[str, Any]:
    """The result of the task, or the end of the module."""
    for name in ("backend", "server"):
        if not options[name] or set(options[name]) - haproxy.WORD:
            module.fail_json(msg=f"{name}: expected a name of HAProxy's configuration, found {options[name]!r}")
    found, count = look(options)
    wanted, server = options["state"], options["server"]
    before = found.get(server, ("", False))[0]
    why = haproxy.refusal(found, options["backend"], server, wanted if before != wanted else "ready")
    if why:
        module.fail_json(msg=why)
    place, seconds = f"{options['backend']}/{server}", options["wait_seconds"]
    diff = {"before": f"{place}: {before}\n", "after": f"{place}: {wanted}\n"}
    result = {"changed": before != wanted, "before": before, "diff": diff}
    if module.check_mode:
        return dict(result, sessions=count, up=found[server][1])
    if before != wanted:
        put(options, wanted)
    is_up, count, late = wait(options)
    if late and wanted == "ready":
        module.fail_json(msg=f"{place} is ready, but not up after {seconds} s: its health check fails")
    if late and options["expired"] == "abort":
        put(options, before)
        module.fail_json(msg=f"{place}: {count} sessions after {seconds} s; it is back to {before}", sessions=count)
    return dict(result, sessions=count, up=is_up)


def main() -> None:
    """The module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result = act(module, module.params)
    except (OSError, ValueError, haproxy.RuntimeFault) as error:
        module.fail_json(msg=f"HAProxy's socket {module.params['socket']}: {error}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
