"""What the people of a soak were told, and what surprised them."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# After the database is back, connections that were made before it went still fail once.
SHADOW_SECONDS = 5.0


@dataclass
class Notes:
    """Shared by all threads of a soak. `published`: how many deliveries each publication was said to have;
    `pressed`: deliveries that somebody was told are under way."""

    published: dict[int, int] = field(default_factory=dict)
    pressed: set[int] = field(default_factory=set)
    batches: dict[int, int] = field(default_factory=dict)
    did: Counter[str] = field(default_factory=Counter)
    surprises: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    _trouble: int = 0
    _over_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def database_in_trouble(self) -> Iterator[None]:
        """For as long as the database may refuse, and a little longer, nobody is surprised that it does."""
        with self._lock:
            self._trouble += 1
        try:
            yield
        finally:
            with self._lock:
                self._trouble -= 1
                self._over_at = time.monotonic() + SHADOW_SECONDS

    @property
    def may_be_refused(self) -> bool:
        return self._trouble > 0 or time.monotonic() < self._over_at

    def took(self, seconds: float) -> None:
        if not self.may_be_refused:
            self.slowest = max(self.slowest, seconds)
