"""ONS-21: the sample receivers against the product. A real dispatcher delivers to them, and they download the file from
a real server while their answer is waited for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from access.actors import Actor
from catalog.models import Download
from dispatch.actions import publish
from dispatch.models import Attempt, Delivery
from tests.dispatch.running import dispatchers, wait_for_end
from tests.factories import make_product, make_webhook
from tests.receivers.samples import SAMPLES, running
from tests.services import free_port
from webhooks.signing import generate_secret

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

# More than one read of any of them.
FILE = "".join(f"{hour};{hour * 1.25:.2f}\n" for hour in range(20_000)).encode()
BY = Actor.system("test")


@pytest.fixture
def product(db: None) -> Any:
    return make_product()


@pytest.fixture
def ports() -> tuple[int, int]:
    port = free_port(neighbours=1)
    return port, port + 1


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.mkdir()
    wrong.mkdir()
    return right, wrong


@pytest.fixture
def published(product: Any, live_server: Any, tmp_path: Path) -> Callable[[], None]:
    """Publish a file, and wait until a dispatcher of its own has done with it."""

    def publish_and_wait() -> None:
        # The receivers may take as long as anywhere, not only as long as the tests of faults want to wait.
        settings = {
            "PORTAL_DOWNLOAD_BASE_URL": live_server.url,
            "PORTAL_OUTBOUND_DEADLINE_SECONDS": "8",
            "PORTAL_DISPATCH_LEASE_SECONDS": "60",
        }
        with dispatchers(tmp_path, 1, **settings):
            publish(product, period="2020-08-15", upload=ContentFile(FILE, "prices.csv"), by=BY)
            wait_for_end(within=40)

    return publish_and_wait


def webhooks_at(ports: tuple[int, int], product: Any, **over: Any) -> list[Any]:
    """Two webhooks alike; the receiver of the first will be right, that of the second not."""
    return [
        make_webhook(request_uri=f"http://127.0.0.1:{port}/hook", products=[product], max_attempts=1, **over)
        for port in ports
    ]


def assert_delivered(webhook: Any, kept: dict[str, bytes]) -> None:
    delivery = Delivery.objects.get(webhook=webhook)
    attempt = delivery.attempts.get()
    assert (delivery.state, attempt.status) == ("delivered", 204)
    name = delivery.message_id
    assert kept == {f"{name}.json": bytes(delivery.body), f"{name}.data": FILE}
    download = Download.objects.get(delivery_uuid=delivery.uuid)
    assert attempt.slot_at < download.first_at < attempt.finished_at


def assert_refused(webhook: Any, kept: dict[str, bytes]) -> None:
    delivery = Delivery.objects.get(webhook=webhook)
    assert (delivery.state, delivery.reason) == ("failed", "exhausted")
    assert Attempt.objects.get(delivery=delivery).status == 401
    assert not Download.objects.filter(delivery_uuid=delivery.uuid).exists()
    assert kept == {}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_right_signature_is_accepted_and_its_file_fetched_a_wrong_one_refused(
    name: str, loopback: None, product: Any, ports: Any, folders: Any, published: Callable[[], None]
) -> None:
    """ONS-21, ONS-19: the file byte for byte, inside the request; with another secret 401 and nothing delivered."""
    right, wrong = webhooks_at(ports, product, body_format="standard_webhooks")
    with (
        running(name, folders[0], port=ports[0], WEBHOOK_SECRET=right.signing_secret) as good,
        running(name, folders[1], port=ports[1], WEBHOOK_SECRET=generate_secret()) as bad,
    ):
        published()
        assert_delivered(right, good.kept())
        assert_refused(wrong, bad.kept())


@pytest.mark.parametrize("name", SAMPLES)
def test_the_raw_token_is_accepted_and_a_wrong_one_refused(
    name: str, loopback: None, product: Any, ports: Any, folders: Any, published: Callable[[], None]
) -> None:
    """ONS-21, ONS-9: the whole Authorization header is the token, nothing before it."""
    token = "token-7f3a 9b"
    right, wrong = webhooks_at(ports, product, auth_method="secret", auth_secrets={"secret": token})
    with (
        running(name, folders[0], port=ports[0], WEBHOOK_TOKEN=token) as good,
        running(name, folders[1], port=ports[1], WEBHOOK_TOKEN=f"Bearer {token}") as bad,
    ):
        published()
        assert_delivered(right, good.kept())
        assert_refused(wrong, bad.kept())
