"""A warning that nobody meant is found, whatever else is printed."""

from __future__ import annotations

from integration.warned import unanswered

OWN = "2 intermediates of the bundle are not needed and\nwere left out"
OUTPUT = """PLAY [Renew] ***
[WARNING]: 2 intermediates of the bundle are not
needed and were left out
ok: [edge1] => {"msg": "[WARNING]: only quoted"}
"""


def test_what_a_task_warns_of_is_meant() -> None:
    """As long as it is in the task's result."""
    assert unanswered(OUTPUT, [{"result": {"warnings": [OWN]}}]) == []
    assert unanswered(OUTPUT, [{"result": {}}]) == ["[WARNING]: 2 intermediates of the bundle are not"]


def test_what_ansible_warns_of_must_be_expected() -> None:
    """By a part of its first line."""
    output = "[WARNING]: provided hosts list is empty, only localhost is available.\n"
    assert unanswered(output, [], ["hosts list is empty"]) == []
    assert unanswered(output, [], ["no inventory"]) == [output.strip()]


def test_a_deprecation_is_meant_by_nobody() -> None:
    """Neither in a result nor expected; in both forms, of ansible-core 2.16 and of 2.19."""
    for text in ("[DEPRECATION WARNING]: old spelling. This feature", "[DEPRECATION WARNING] old spelling"):
        assert unanswered(text, [{"result": {"warnings": ["old spelling"]}}], ["old"]) == [text]
