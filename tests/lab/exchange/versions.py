"""Versions of Exchange Server and of the Windows below them, and what hangs on them."""

from __future__ import annotations

from ..member import versions
from ..member.versions import POWERSHELL, Host, Product, Windows

WINDOWS: dict[str, Windows] = {
    **versions.WINDOWS,
    "2022": Windows("2022", "10.0.20348", "5.1.20348.2227", "4.0.30319.42000", True, True, True),
}
_FOLDER = "Microsoft\\Exchange Server\\"
PRODUCTS: dict[str, Product] = {
    name: Product(name, f"Exchange Server {title}", build, "Exchange", build, _FOLDER + folder, windows)
    for name, title, build, folder, windows in (
        ("exchange2010", "2010", "14.3.513.0", "V14", "2008r2"),
        ("exchange2013", "2013", "15.0.1497.48", "V15", "2012r2"),
        ("exchange2016", "2016", "15.1.2507.39", "V15", "2016"),
        ("exchange2019", "2019", "15.2.1544.14", "V15", "2019"),
        ("exchangese", "SE", "15.2.2562.17", "V15", "2022"),
    )
}


def host_of(product: str | None, windows: str | None, powershell: str | None) -> Host:
    """The versions asked for, the rest filled in. Raises ValueError on a version the lab does not know."""
    for what, value, known in (
        ("product", product, PRODUCTS),
        ("windows", windows, WINDOWS),
        ("powershell", powershell, POWERSHELL),
    ):
        if value is not None and value not in known:
            raise ValueError(f"expected {what} to be one of {', '.join(known)}, found {value!r}")
    chosen = PRODUCTS[product or "exchange2019"]
    release = WINDOWS[windows or chosen.windows]
    if powershell and not release.powershell.startswith(powershell):
        return Host(release, chosen, POWERSHELL[powershell][1], POWERSHELL[powershell][2])
    return Host(release, chosen, release.powershell, release.clr)


def major(host: Host) -> int:
    """14 for Exchange 2010, 15 since."""
    return int(host.product.file_version.split(".")[0])


def has_back_end(host: Host) -> bool:
    """Whether there is a site "Exchange Back End" on port 444, and a Front End Transport service (2013 and newer)."""
    return major(host) >= 15


def has_unified_messaging(host: Host) -> bool:
    """Whether the UM cmdlets of the metadata exist (2013 and 2016)."""
    return host.product.name in ("exchange2013", "exchange2016")


def signs_shell_data(host: Host) -> bool:
    """Whether the management shell's data is signed with the auth certificate by default (SUs of November 2023)."""
    return host.product.name in ("exchange2016", "exchange2019", "exchangese")
