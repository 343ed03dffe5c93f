"""Deliveries over TLS with kept connections, against plain http. The receiver's own share of TLS is in it: it runs on
the same machine."""

from pathlib import Path

from bench.authenticated import compare_with_none
from bench.frame import Bench, Figure, Goal
from bench.portal import Portal
from bench.receiver import running_receiver
from tests.certificates import Authority


def run(bench: Bench) -> list[Figure]:
    authority, folder = Authority(), Path(bench.around.folder, "tls")
    folder.mkdir()
    (folder / "authority.pem").write_text(authority.pem)
    with running_receiver(folder, pair=authority.issue("127.0.0.1")) as receiver:
        portal = Portal(bench.around, scale=bench.scale, PORTAL_OUTBOUND_CA_FILE=str(folder / "authority.pem"))
        portal.receiver = receiver
        portal.prepare()
        return compare_with_none(bench, portal, "over TLS, connections kept, against plain: deliveries/s", Goal(0.6))
