"""The kinds of connections, each found by its name. A new one is a module of this folder and a line here."""

from connections.kinds import btg_id, jwt_7519, jwt_7523, oauth2
from connections.kinds.kind import Kind

KINDS: dict[str, Kind] = {kind.name: kind for kind in (oauth2.KIND, btg_id.KIND, jwt_7523.KIND, jwt_7519.KIND)}


def get(name: str) -> Kind:
    """Return the kind of this name. Raises KeyError."""
    return KINDS[name]
