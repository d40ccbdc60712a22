# Copyright: (c) 2026, ucops.certificates contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogue of findings about one member: stores, keys, TLS stack, wire, product, events. See :mod:`findings`."""

from __future__ import annotations

from collections.abc import Mapping

from ..entry import Entry

KB954755 = "Microsoft KB954755, Configure intermediate certificates on a computer that runs IIS"
ROOT_STORE = "uclobby 2015-06-19, Lync and non-self-signed certificates in the Root store, naming Microsoft KB2795828"
STORE_PLACES = "Microsoft, System Store Locations (CurrentUser\\CA includes LocalMachine's, never the other way round)"
PFX_IMPORT = "Microsoft, PFXImportCertStore (provider and key persistence)"
LYNC_CNG = "Perficient blog 2013-12-09, The buffer supplied to a function was too small (Set-CsCertificate)"
KEY_ACL = "Microsoft KB836410, certificate renewal loses the permissions of the key"
SET_CS = "Microsoft, Set-CsCertificate"
STOP_CS = "Microsoft, Stop-CsWindowsService"
EDGE_NEEDS = "Microsoft, Edge Server environmental requirements in Skype for Business Server"

STAGE_AGAIN = (
    "Put it into LocalMachine\\CA: stage again, or import it into Local Computer, Intermediate "
    "Certification Authorities."
)
IMPORT_AGAIN = "Remove this certificate from LocalMachine\\My by thumbprint, then stage again: it is imported afresh."

# fmt: off
MEMBER: Mapping[str, Entry] = {
    "store.intermediate-missing": Entry(
        "error", "An intermediate is missing in LocalMachine\\CA",
        "Windows builds the chain it sends from the local computer's stores only; without this certificate partners "
        "get an incomplete chain. The viewer may still say valid: it also looks into the admin's own store and "
        "downloads.",
        "Give the vendor's intermediate with the bundle and stage again, or import it into Local Computer, "
        "Intermediate Certification Authorities.", KB954755, column="store"),
    "store.intermediate-user-only": Entry(
        "error", "The intermediate lies only in a user's store",
        "It was imported for a user, not for the local computer; services do not look there. The viewer of that user "
        "shows a valid chain all the same.", STAGE_AGAIN, STORE_PLACES, column="store"),
    "store.intermediate-in-root": Entry(
        "error", "A certificate that is not self-signed lies in LocalMachine\\Root",
        "Since Windows Server 2012 this breaks mutual TLS on Lync and Skype for Business.",
        "Move it to LocalMachine\\CA, then restart the services in a maintenance window.", ROOT_STORE, column="store"),
    "store.intermediate-expired": Entry(
        "warning", "An expired intermediate lies in LocalMachine\\CA",
        "If it has the same subject as the current one, Windows may try it.", "Remove it when nothing uses it.",
        KB954755, column="store"),
    "store.root-in-ca": Entry(
        "warning", "A root lies in LocalMachine\\CA",
        "It does no harm by itself, but the chain may end elsewhere than meant.",
        "Remove it from LocalMachine\\CA if it also lies in Root.", KB954755, column="store"),
    "store.root-missing": Entry(
        "warning", "The root is not in LocalMachine\\Root",
        "The member itself cannot verify the chain unless Windows fetches the root by itself.",
        "Check that root updates are allowed, or stage with the option that installs the root.",
        "Microsoft, Exchange HealthChecker, Trusted Root Certificates", column="store"),
    "store.too-many-roots": Entry(
        "warning", "More than 100 certificates in LocalMachine\\Root",
        "The list of trusted issuers sent to clients is cut off at 16 KB; sign-in and federation may fail.",
        "Remove roots that nobody needs, carefully on an Edge with federation.", "Microsoft KB2464556 and KB2880390",
        column="store"),
    "store.leaf-missing": Entry(
        "error", "The new certificate is not in the store",
        "It was expected after staging.", "Run the stage phase again.", "", column="store"),
    "store.unreadable-entry": Entry(
        "warning", "A certificate in a store could not be read",
        "It is left out of the judgement; Windows may see it otherwise.",
        "Look at it in the certificates console of the local computer; remove it if it is damaged.", "",
        column="store"),
    "store.wrong-place": Entry(
        "error", "A certificate lies in the wrong store",
        "Services look for it elsewhere.", "Move it: leaf to My, intermediates to CA, only self-signed roots to Root.",
        KB954755, column="store"),
    "key.missing": Entry(
        "error", "The certificate has no private key on this member",
        "It cannot serve.", IMPORT_AGAIN, PFX_IMPORT, column="key"),
    "key.unusable": Entry(
        "error", "The private key does not sign",
        "The store says there is a key, but a signature with it fails or does not verify.", IMPORT_AGAIN, PFX_IMPORT,
        column="key"),
    "key.provider-cng": Entry(
        "error", "The key lies in a CNG provider",
        "Lync answers 'The buffer supplied to a function was too small', Outlook on the web returns to its login page.",
        IMPORT_AGAIN, LYNC_CNG, column="key"),
    "key.keyspec": Entry(
        "error", "The key may only sign",
        "Its key spec is AT_SIGNATURE; TLS needs AT_KEYEXCHANGE.", IMPORT_AGAIN, PFX_IMPORT, column="key"),
    "key.user-keyset": Entry(
        "error", "The key lies in a user's key set",
        "Services cannot open it.", IMPORT_AGAIN, PFX_IMPORT, column="key"),
    "key.access": Entry(
        "error", "A service account may not read the key",
        "The product's service runs under an account that the key's permissions leave out.",
        "Grant NETWORK SERVICE read on the private key; assigning the certificate with the product's own cmdlet does "
        "that.", KEY_ACL, column="key"),
    "key.exportable-differs": Entry(
        "warning", "The key's exportable flag is not as asked",
        "It decides whether the key can be taken to another member.", IMPORT_AGAIN, PFX_IMPORT, column="key"),
    "tls.presented-incomplete": Entry(
        "error", "Schannel would send an incomplete chain",
        "The TLS stack of the member itself was asked with the staged certificate; what it sends does not reach a "
        "root.", STAGE_AGAIN, KB954755, column="tls"),
    "tls.presented-differs": Entry(
        "error", "Schannel would send another chain than intended",
        "The TLS stack of the member chose other intermediates than those of the bundle.",
        "Look for a second certificate of the same CA in LocalMachine\\CA and in the stores of SYSTEM.", KB954755,
        column="tls"),
    "tls.unreadable": Entry(
        "warning", "The TLS stack of the member could not be asked",
        "This witness is missing; the stores still count.",
        "See the error text; a locked-down TLS configuration is the usual cause.", "", column="tls"),
    "wire.leaf-differs": Entry(
        "error", "A port presents another certificate than expected",
        "What clients get is not what the product reports.",
        "Restart the service named. If it stays, something else answers on that address.", "", column="wire"),
    "wire.incomplete": Entry(
        "error", "A port presents an incomplete chain",
        "Clients that do not know the intermediate refuse the connection.",
        "Put the missing intermediate into LocalMachine\\CA and restart the service.", KB954755, column="wire"),
    "wire.untrusted": Entry(
        "error", "A port presents a chain that clients do not trust",
        "The chain ends in an unknown root.", "Compare the presented chain with the intended one in this report.",
        KB954755, column="wire"),
    "wire.unreadable": Entry(
        "error", "A port that could be read before cannot be read now",
        "Nobody can say what it serves.", "Check that the service runs and listens; then run the verification again.",
        "", column="wire"),
    "wire.unreadable-before": Entry(
        "info", "A port could not be read, before and after",
        "It is not counted.", "Read it from a host that reaches it, if it matters.", "", column="wire"),
    "wire.out-of-service": Entry(
        "info", "A port takes nobody while its member is out of service",
        "What it presents is proven when all members are back in service, not before the next member is touched.",
        "Nothing; the end of the run looks again.", "RFC 5321, 4.2.3", column="wire"),
    "product.not-loaded": Entry(
        "error", "The product's cmdlets could not be loaded",
        "Without them nothing can be read or assigned.",
        "Run the hostcheck playbook against this member; it says what is missing.", "", column="product"),
    "product.use-differs": Entry(
        "error", "The product uses another certificate than wanted",
        "The assignment did not take or was changed since.",
        "Run the rollout again; if it persists, compare with what the product's own shell shows on the member.",
        "Microsoft, Get-CsCertificate", column="product"),
    "product.use-unassigned": Entry(
        "error", "No certificate is assigned to a use",
        "The service of that use has nothing to present.", "Check the member's installation; assign a certificate.",
        "Microsoft, Get-CsCertificate", column="product"),
    "product.service-stopped": Entry(
        "error", "A service is not running",
        "Users of it are cut off on this member.",
        "Start it, and read the event log if it does not start.",
        "Microsoft, Start-CsWindowsService", column="product"),
    "product.service-paused": Entry(
        "warning", "A service is draining",
        "It takes no new work and waits for calls to end.", "Wait, or start it again.",
        STOP_CS, column="product"),
    "product.drain-expired": Entry(
        "warning", "Calls were still up when the drain's deadline came",
        "A graceful stop waits without end.", "rollout_drain_expired decides: continue (the calls end) or abort.",
        STOP_CS, column="product"),
    "product.change-failed": Entry(
        "error", "A change on the member failed",
        "The member answered with an error.", "Read the error text; the state was read again after it.", SET_CS,
        column="product"),
    "event.certificate": Entry(
        "error", "The event log complains about this certificate",
        "The product logged an error that names our serial number.",
        "Read the event; serial numbers in Lync events are written byte-reversed.",
        "skypepro.co.uk, LS Protocol Stack 14397/14694", column="events"),
    "event.unreadable": Entry(
        "warning", "The event log could not be read",
        "This witness is missing.", "Check that the log exists and that the account may read it.", "",
        column="events"),
    "member.lost": Entry(
        "critical", "The member does not answer",
        "Its state is unknown from the time given on; it may serve either certificate.",
        "Get the member back on the network, then run the rollout (or rollback) again; both read first.", "",
        column="reachable"),
    "member.excluded": Entry(
        "warning", "The member was left out on purpose",
        "It still carries what it carried before; the array is not alike.",
        "Mend it, take it off the exclusions and run again.", EDGE_NEEDS, column="reachable"),
    "member.locked": Entry(
        "error", "Another run holds the lock of this member",
        "Two runs at once would undo each other's work.",
        "Wait for it to end; nothing else is right until then. If you know that its controller is dead, take its lock "
        "over by naming its run id.", "",
        column="reachable"),
    "member.not-prepared": Entry(
        "error", "The member did not get ready",
        "A step before the gate failed or was never run on it.", "See the member's other findings; run again.", "",
        column="reachable"),
    "member.not-admin": Entry(
        "error", "The account has no administrator's rights on the member",
        "Machine stores and keys cannot be written.",
        "Use an administrator; for a local account see LocalAccountTokenFilterPolicy.", "Microsoft KB951016",
        column="reachable"),
    "member.process-32-bit": Entry(
        "error", "The remote process is 32-bit",
        "Product modules and stores would not be seen right.", "Use the default 64-bit WinRM endpoint.", "",
        column="reachable"),
    "member.language-mode": Entry(
        "error", "PowerShell runs in a restricted language mode",
        "The collection's script cannot run there.", "Exempt the account or the endpoint from the policy.",
        "Microsoft, about_Language_Modes", column="reachable"),
}
# fmt: on
