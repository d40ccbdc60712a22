"""Versions of Windows, PowerShell and the product, and what hangs on them.

Sources are named in docs/lab.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Windows:
    """One release of Windows Server."""

    name: str
    version: str
    """As [Environment]::OSVersion says it."""
    powershell: str
    """PSVersion of the PowerShell that came with it."""
    clr: str
    """CLRVersion of that PowerShell."""
    reads_aes_pfx: bool
    """PFX files encrypted with AES-256 can be opened (Server 2019 and newer)."""
    tls12_sha512: bool
    """A SHA-512 signed certificate does not stop TLS 1.2 (Server 2016 and newer)."""
    strict_root_store: bool
    """A certificate in Root that is not self-signed breaks mutual TLS (Server 2012 and newer)."""


WINDOWS: dict[str, Windows] = {
    "2008r2": Windows("2008r2", "6.1.7601", "2.0", "2.0.50727.5485", False, False, False),
    "2012r2": Windows("2012r2", "6.3.9600", "4.0", "4.0.30319.42000", False, False, True),
    "2016": Windows("2016", "10.0.14393", "5.1.14393.6343", "4.0.30319.42000", False, True, True),
    "2019": Windows("2019", "10.0.17763", "5.1.17763.5830", "4.0.30319.42000", True, True, True),
}
#: PowerShell version asked for -> the Windows it belongs to when none is named, and its full version.
POWERSHELL: dict[str, tuple[str, str, str]] = {
    "2.0": ("2008r2", "2.0", "2.0.50727.5485"),
    "3.0": ("2008r2", "3.0", "4.0.30319.42000"),
    "4.0": ("2012r2", "4.0", "4.0.30319.42000"),
    "5.1": ("2016", "5.1.14393.6343", "4.0.30319.42000"),
}


@dataclass(frozen=True)
class Product:
    """One release of the product."""

    name: str
    documented_as: str
    """Its name in Microsoft's parameter metadata."""
    file_version: str
    module: str
    module_version: str
    folder: str
    windows: str
    """Windows release when none is named."""


PRODUCTS: dict[str, Product] = {
    "lync2013": Product(
        "lync2013", "Lync Server 2013", "5.0.8308.1144", "Lync", "5.0", "Microsoft Lync Server 2013", "2012r2"
    ),
    "sfb2015": Product(
        "sfb2015",
        "Skype for Business Server 2015",
        "6.0.9319.619",
        "SkypeForBusiness",
        "6.0",
        "Skype for Business Server 2015",
        "2012r2",
    ),
    "sfb2019": Product(
        "sfb2019",
        "Skype for Business Server 2019",
        "7.0.2046.521",
        "SkypeForBusiness",
        "7.0",
        "Skype for Business Server 2019",
        "2016",
    ),
}


@dataclass(frozen=True)
class Host:
    """The versions of one member."""

    windows: Windows
    product: Product
    powershell: str
    clr: str

    @property
    def powershell_major(self) -> int:
        """2 to 5."""
        return int(self.powershell.split(".")[0])


def host_of(product: str | None, windows: str | None, powershell: str | None) -> Host:
    """The versions asked for, the rest filled in. Raises ValueError on a version the lab does not know."""
    for what, value, known in (
        ("product", product, PRODUCTS),
        ("windows", windows, WINDOWS),
        ("powershell", powershell, POWERSHELL),
    ):
        if value is not None and value not in known:
            raise ValueError(f"expected {what} to be one of {', '.join(known)}, found {value!r}")
    chosen = PRODUCTS[product or "lync2013"]
    name = windows or (POWERSHELL[powershell][0] if powershell else chosen.windows)
    release = WINDOWS[name]
    if powershell and not release.powershell.startswith(powershell):
        return Host(release, chosen, POWERSHELL[powershell][1], POWERSHELL[powershell][2])
    return Host(release, chosen, release.powershell, release.clr)
