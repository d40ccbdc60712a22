# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's answers, as its Management Guide shows them, and what is refused."""

from __future__ import annotations

import socket
import threading

import pytest

from ansible_collections.ucops.certificates.plugins.module_utils.haproxy import (
    RuntimeFault,
    admin,
    ask,
    refusal,
    servers,
    sessions,
)

STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change
3 https 1 ex1 10.0.0.1 2 0 1 1 5
3 https 2 ex2 10.0.0.2 2 8 1 1 5
3 https 3 ex3 10.0.0.3 0 1 1 1 5
3 https 4 ex4 10.0.0.4 0 0 1 1 5

"""
STAT = """# pxname,svname,qcur,qmax,scur,smax,
https,FRONTEND,,,9,9,
https,ex1,0,0,4,7,
smtp,ex1,0,0,,7,
https,BACKEND,0,0,4,7,

"""


def test_a_server_is_told_by_its_two_states() -> None:
    found = servers(STATE, "https")
    assert found == {"ex1": ("ready", True), "ex2": ("drain", False), "ex3": ("maint", False), "ex4": ("ready", False)}
    assert servers(STATE, "smtp") == {}


@pytest.mark.parametrize(
    ("bits", "said"), [(0, "ready"), (1, "maint"), (8, "drain"), (9, "maint"), (0x20, "ready"), (0x40, "ready")]
)
def test_states_that_others_set_are_not_ours_to_put_back(bits: int, said: str) -> None:
    assert admin(bits) == said


def test_an_answer_that_is_none_is_told() -> None:
    with pytest.raises(RuntimeFault, match="backend web, HAProxy answers: Can't find backend"):
        servers("Can't find backend.\n\n", "web")
    with pytest.raises(RuntimeFault, match="no row for https/ex9"):
        sessions(STAT, "https", "ex9")


def test_sessions_are_those_of_the_server_in_the_backend() -> None:
    assert sessions(STAT, "https", "ex1") == 4
    assert sessions(STAT, "smtp", "ex1") == 0


def test_the_last_one_that_is_up_stays() -> None:
    found = servers(STATE, "https")
    assert "no other server of backend https is up" in str(refusal(found, "https", "ex1", "drain"))
    assert refusal(found, "https", "ex1", "ready") is None
    assert refusal(found, "https", "ex2", "maint") is None
    assert "has no server ex9; it has ex1, ex2, ex3, ex4" in str(refusal(found, "https", "ex9", "ready"))


def test_a_socket_on_tcp_is_asked_to_its_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            link, _ = server.accept()
            with link, link.makefile("rb") as lines:
                said = lines.readline()
                link.sendall(b"you said ")
                link.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        assert ask(f"127.0.0.1:{server.getsockname()[1]}", "show info") == "you said show info\n"
        thread.join()
