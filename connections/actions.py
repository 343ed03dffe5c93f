"""The verbs of connections and key pairs. Each is one transaction with its audit entry and its news."""

from access.actors import Actor
from access.models import Participant
from connections.key_pairs import Upload
from connections.models import Connection, KeyPair
from connections.values import ConnectionValues


def create_connection(participant: Participant, *, values: ConnectionValues, by: Actor) -> Connection:
    """Create a connection. Raises InvalidConnection."""
    raise NotImplementedError


def update_connection(connection: Connection, *, values: ConnectionValues, by: Actor) -> Connection:
    """Replace the values of a connection; returns the row as it now is. Raises InvalidConnection, Archived."""
    raise NotImplementedError


def archive_connection(connection: Connection, *, by: Actor) -> Connection:
    """Take a connection out of use for good. Raises InUse. Twice changes nothing the second time."""
    raise NotImplementedError


def create_key_pair(participant: Participant, *, name: str, upload: Upload, by: Actor, shared: bool = True) -> KeyPair:
    """Keep an uploaded certificate and its key. Raises KeyPairRefused."""
    raise NotImplementedError


def replace_key_pair(key_pair: KeyPair, *, upload: Upload, by: Actor) -> KeyPair:
    """Put another certificate and key in place of these, for everything that uses them. Raises KeyPairRefused,
    Archived."""
    raise NotImplementedError


def rename_key_pair(key_pair: KeyPair, *, name: str, by: Actor) -> KeyPair:
    """Raises KeyPairRefused, Archived."""
    raise NotImplementedError


def archive_key_pair(key_pair: KeyPair, *, by: Actor) -> KeyPair:
    """Take a key pair out of use for good. Raises InUse. Twice changes nothing the second time."""
    raise NotImplementedError
