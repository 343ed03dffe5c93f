import pytest
from django.core.management import CommandError, call_command

from dispatch.dispatcher import Dispatcher
from vault.models import KeySentinel
from vault.tokens import keyed_hash


def test_dispatcher_does_not_start_with_keys_that_the_data_was_not_sealed_with(db, settings, monkeypatch) -> None:
    """It would fail every due delivery as misconfigured, and that is final (fault 17 turned on everybody)."""
    KeySentinel.objects.all().delete()
    KeySentinel.objects.create(key_id="k0", fingerprint=keyed_hash("key-sentinel", "gancho"))
    started: list[object] = []
    monkeypatch.setattr(Dispatcher, "run", lambda self, **_: started.append(self))
    with pytest.raises(CommandError, match="key 'k0' is missing from PORTAL_DATA_KEYS") as caught:
        call_command("dispatcher", once=True)
    assert caught.value.returncode == 1
    assert started == []
