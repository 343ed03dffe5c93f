"""The world in which everybody knocks at every door, for the table of addresses."""

from tests.safety.world import world  # noqa: F401
