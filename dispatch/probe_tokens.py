"""The tokens that a run of probes needs, fetched at once: endpoints that hang are waited for together."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
from django.db import connections

from connections.failures import NO_ANSWER, TokenFailure
from connections.tokens import TokenExchange, TokenSource, obtain_token
from dispatch import clock

logger = structlog.get_logger(__name__)

# A participant has a few probes in a run, so a few threads are all that one of them can keep busy.
THREADS: Final = 16


def obtain_tokens(sources: Iterable[TokenSource]) -> dict[str, TokenExchange]:
    """Return a token, or why there is none, by the `cache_key` of each source.

    Blocks for as long as a token request may take, or a few of them; never call it inside a transaction. Nothing is
    raised for one source: what breaks is logged, and is that source's failure.
    """
    wanted = {source.cache_key: source for source in sources}
    if not wanted:
        return {}
    with ThreadPoolExecutor(min(THREADS, len(wanted)), thread_name_prefix="probe-token") as threads:
        return dict(zip(wanted, threads.map(_obtain, wanted.values()), strict=True))


def _obtain(source: TokenSource) -> TokenExchange:
    try:
        return obtain_token(source, use_cache=True, now=clock.now())
    except Exception:
        logger.exception("probing.no_token", connection=source.connection_id)
        return TokenExchange(token=None, failure=TokenFailure(NO_ANSWER), exchange={})
    finally:
        # This thread's own.
        connections.close_all()
