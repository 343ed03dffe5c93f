"""The world in which everybody knocks at every door, for the table of addresses; and who is to be erased."""

from tests.portal.condemned import condemned  # noqa: F401
from tests.safety.world import world  # noqa: F401
