"""The bill of materials in CycloneDX 1.6. It names packages by purl and files by digest, never where they were fetched.

It carries no time, and its serial number follows from what it says: two bills of one commit are the same bytes.
"""

import tomllib
from hashlib import sha256
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from deploy.sbom.lock import OURS, Locked, Vendored, read_lock, read_rows, read_vendored

MARKER = "gancho:installed-where"


def write_bill(root: Path) -> str:
    """Return the bill of the repository at `root` as JSON. Raises KeyError for a package without a known licence."""
    lock, listed = root / "requirements.lock", root / "static" / "vendor" / "VENDORED.md"
    told, project = root / "docs" / "dependencies.md", root / "pyproject.toml"
    licences = read_licences(told)
    bill = Bom(serial_number=uuid5(NAMESPACE_OID, _digest(lock, listed, told, project)))
    product = _product(root)
    bill.metadata = BomMetaData(component=product)
    bill.metadata.timestamp = None  # type: ignore[assignment] # allowed by the schema, and the writer leaves it out
    packages = read_lock(lock)
    made = {package.name: _package(package, licences[package.name]) for package in packages}
    vendored = [_vendored(each) for each in read_vendored(listed)]
    bill.components.update(made.values(), vendored)
    bill.register_dependency(product, [*(made[each.name] for each in packages if OURS in each.via), *vendored])
    for name, component in made.items():
        bill.register_dependency(component, [made[each.name] for each in packages if name in each.via])
    return JsonV1Dot6(bill).output_as_string(indent=2) + "\n"


def read_licences(path: Path) -> dict[str, str]:
    """Return the licence of each package by docs/dependencies.md: an SPDX expression."""
    rows = read_rows(path.read_text(), heading="library")
    return {cells[0]: cells[3] if len(cells) > 3 else cells[2] for cells in rows}


def _product(root: Path) -> Component:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    return Component(
        name=name,
        version=version,
        description=project["description"],
        type=ComponentType.APPLICATION,
        licenses=[LicenseFactory().make_from_string(project["license"])],
        bom_ref=f"{name}@{version}",
    )


def _package(package: Locked, licence: str) -> Component:
    purl = PackageURL("pypi", None, package.name, package.version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in package.digests]
    files = ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(str(purl)), hashes=hashes)
    return Component(
        name=package.name,
        version=package.version,
        purl=purl,
        bom_ref=str(purl),
        scope=ComponentScope.OPTIONAL if package.marker else ComponentScope.REQUIRED,
        licenses=[LicenseFactory().make_from_string(licence)],
        external_references=[files],
        properties=[Property(name=MARKER, value=package.marker)] if package.marker else (),
    )


def _vendored(each: Vendored) -> Component:
    group, _, name = each.name.rpartition("/")
    purl = PackageURL("npm", group or None, name, each.version)
    return Component(
        name=name,
        group=group or None,
        version=each.version,
        purl=purl,
        bom_ref=str(purl),
        licenses=[LicenseFactory().make_from_string(each.licence)],
    )


def _digest(*paths: Path) -> str:
    return sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
