"""Bugs put into remote_calls.ps1 on purpose: the contract fails with each of them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.bootstrap import shipped_script
from ansible_collections.ucops.certificates.plugins.plugin_utils.windows.calls import PRODUCT
from lab.pwsh.worker import find_pwsh

from . import test_journal as journal
from . import test_product as product
from . import test_replies as replies
from . import test_stores as stores
from .conftest import NO_PWSH, Bench, Side

CHECKER = Path(__file__).resolve().parents[1] / "pwsh" / "ps20check.ps1"


@dataclass(frozen=True)
class Mutant:
    """A bug: the text it replaces, and the test that has to notice."""

    what: str
    old: str
    new: str
    noticed_by: Callable[[Side], None] | None  # None: the checker for PowerShell 2.0


def imported(side: Side) -> None:
    stores.test_a_pfx_is_imported_with_its_key(side, True, None)


def imported_for_good(side: Side) -> None:
    stores.test_a_pfx_is_imported_with_its_key(side, False, None)


def read_only(side: Side) -> None:
    stores.test_reading_a_store_that_nobody_made_makes_none(side)


def rolled(side: Side) -> None:
    product.test_a_roll_means_its_instant_whatever_zone_it_was_given_in(side, 0)


MUTANTS = (
    Mutant(
        "a parameter's wrong name",
        "-MaxEvents $with",
        "-Most $with",
        replies.test_a_log_without_such_events_has_no_rows,
    ),
    Mutant("-in", "if (1, 2 -contains $event.Level)", "if ($event.Level -in 1, 2)", None),
    Mutant("[ordered]", "$row = @{ Thumbprint =", "$row = [ordered]@{ Thumbprint =", None),
    Mutant(
        "a forgotten unary comma",
        "X509Certificate2(, [byte[]]$with['RawData'])",
        "X509Certificate2([byte[]]$with['RawData'])",
        stores.test_adding_a_certificate_that_is_there_keeps_its_key,
    ),
    Mutant(
        "a property that is $null",
        "    if ($values.LockRun) {\n        $at",
        "    if ($true) {\n        $at",
        journal.test_nothing_is_there_at_first,
    ),
    Mutant(
        "rows that are no list",
        """'{"rows":[' +""",
        """'{"rows":' +""",
        journal.test_nothing_is_there_at_first,
    ),
    Mutant(
        "a getter that throws unseen",
        "$certificate.get_PrivateKey.Invoke()",
        "$certificate.PrivateKey",
        stores.test_where_a_key_lies_that_cannot_be_opened,
    ),
    Mutant("a key that is not kept", "'MachineKeySet, PersistKeySet'", "'MachineKeySet'", imported),
    Mutant("a key in the user's key set", "'MachineKeySet, PersistKeySet'", "'PersistKeySet'", imported),
    Mutant("every key exportable", "if ($with['Exportable']) { $flags", "if ($true) { $flags", imported_for_good),
    Mutant(
        "a key left behind by a failed import",
        "try { Remove-Container (Get-Container $certificate) }",
        "try { }",
        stores.test_an_import_that_fails_half_way_leaves_no_key,
    ),
    Mutant(
        "a container that is let go and stays",
        "$key.PersistKeyInCsp = $false; $key.Clear()",
        "$key.Clear()",
        stores.test_a_certificate_is_removed_and_its_key_only_when_asked,
    ),
    Mutant(
        "a certificate removed before its key is known to be deletable",
        "{ $key = Get-Container $certificate }\n        $store.Remove($certificate)",
        "{ $store.Remove($certificate); $key = Get-Container $certificate }\n        $store.Remove($certificate)",
        stores.test_a_certificate_whose_key_cannot_be_deleted_stays,
    ),
    Mutant(
        "the user's store for the machine's",
        "$location = 'LocalMachine')",
        "$location = 'CurrentUser')",
        stores.test_a_certificate_is_removed_and_its_key_only_when_asked,
    ),
    Mutant("another key folder", "Crypto\\RSA\\MachineKeys", "Crypto\\DSA\\MachineKeys", stores.test_who_may_use_a_key),
    Mutant(
        "a property that is not there",
        "Type = $rule.AccessControlType",
        "Type = $rule.AccessType",
        stores.test_who_may_use_a_key,
    ),
    Mutant(
        "a signature that nobody checks",
        "$verifier.VerifySignature($hash, $signer.CreateSignature($hash))",
        "[bool]$signer.CreateSignature($hash)",
        stores.test_a_key_that_belongs_to_another_certificate_does_not_pass,
    ),
    Mutant(
        "only the first row of the stores",
        "            Add-KeyFacts $row $certificate\n            $row\n",
        "            Add-KeyFacts $row $certificate\n            return $row\n",
        stores.test_the_machines_stores_are_read_as_they_are,
    ),
    Mutant(
        "a journal made anew each time",
        "if (-not (Test-Path -Path $journal)) { [void](New-Item",
        "if ($true) { [void](New-Item",
        journal.test_writing_the_journal_keeps_the_lock_fresh_and_everything_else,
    ),
    Mutant(
        "an access list with audit rules",
        "($wanted, 'Access')",
        "($wanted)",
        journal.test_the_journals_key_is_closed_without_the_right_to_manage_the_security_log,
    ),
    Mutant(
        "an access list for new keys only",
        "-creplace 'A[IR]') -cne $wanted",
        "-creplace 'A[IR]') -ceq 'D:'",
        journal.test_a_key_that_somebody_has_opened_since_is_closed_again,
    ),
    Mutant("a store made by reading it", "'ReadOnly, OpenExistingOnly'", "'ReadOnly'", read_only),
    Mutant("a store that must be there", "$store = @{ Certificates = @() }", "throw $_", read_only),
    Mutant(
        "run ids compared without case",
        "$run -cnotcontains",
        "$run -notcontains",
        journal.test_run_ids_are_compared_by_case,
    ),
    Mutant(
        "a lock anybody may take",
        "if ($values.LockRun -and $run",
        "if ($false -and $run",
        journal.test_the_lock_has_one_holder,
    ),
    Mutant(
        "an error that stops nothing",
        "$stopped = -not $call['optional']",
        "$stopped = $false",
        product.test_calls_run_in_order_and_stop_at_the_first_error,
    ),
    Mutant(
        "an optional call that stops",
        "$stopped = -not $call['optional']",
        "$stopped = $true",
        product.test_calls_run_in_order_and_stop_at_the_first_error,
    ),
    Mutant(
        "properties of another object",
        "$row[$property] = $object.$property",
        "$row[$property] = $objects.$property",
        product.test_assignments_are_read_with_the_properties_that_are_asked_for,
    ),
    Mutant(
        "a list of one that is no list",
        "'[' + [string]::Join(',', [string[]]@(",
        "'' + [string]::Join(',', [string[]]@(",
        product.test_assignments_are_read_with_the_properties_that_are_asked_for,
    ),
    Mutant(
        "a backslash that is not escaped",
        ".Replace('\\', '\\\\')",
        "",
        journal.test_the_journal_is_kept_as_it_was_written_and_removed,
    ),
    Mutant("a date by the local clock", "$value = $value.ToLocalTime()", "$value = $value.AddHours(1)", rolled),
    Mutant(
        "a TLS flight that never ends",
        "'-0E-00-00-00', ",
        "'-0F-00-00-00', ",
        stores.test_the_tls_stack_sends_the_intermediate_only_when_the_machine_has_it,
    ),
    Mutant(
        "lines without end", "$at += 8000) { $lines", "$at += 80000) { $lines", replies.test_lines_are_short_and_ascii
    ),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_a_bug_does_not_pass(mutant: Mutant, bench: Bench, tmp_path: Path) -> None:
    pwsh = find_pwsh()
    if pwsh is None:
        pytest.skip(NO_PWSH)
    script = shipped_script()
    assert script.count(mutant.old) == 1, f"the script has changed: what {mutant.what!r} replaces is not there once"
    mutated = script.replace(mutant.old, mutant.new)
    if mutant.noticed_by is None:
        path = tmp_path / "mutant.ps1"
        path.write_text(mutated, "ascii")
        known = ",".join([*PRODUCT, "netsh", "Connect-ExchangeServer"])
        command = [pwsh, "-NoProfile", "-File", str(CHECKER), str(path), known]
        assert subprocess.run(command, capture_output=True, timeout=300, check=False).returncode == 1
        return
    side = Side(bench, "pwsh as 4.0")
    side.script = mutated
    with pytest.raises(Exception):  # noqa: B017 - an assertion, or a reply that nobody can read
        mutant.noticed_by(side)
