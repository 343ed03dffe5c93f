"""The world in which everybody knocks at every door."""

from tests.safety.world import world  # noqa: F401
