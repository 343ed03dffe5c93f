"""What the tags in delivery headers must be before they are saved or tried (UNICO-30, UNICO-31)."""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from connections.errors import CannotUse
from outbound.errors import HeaderRefused
from outbound.headers import MAX_VALUE, check_header
from webhooks.drafts import Draft
from webhooks.errors import Problem
from webhooks.tags import TAGS, TagSigner, UnusableKey, has_tags, make_signer, unknown_tags


def find_tag_problems(draft: Draft) -> Iterator[Problem]:
    """Yield every header whose tags are unknown, have no key to be filled in with, or make too long a value."""
    # Longer ones are refused anyway.
    headers = [(index, header) for index, header in enumerate(draft.headers) if len(header.value) <= MAX_VALUE]
    for index, header in headers:
        for word in unknown_tags(header.value):
            known = " ".join(f"{{{{{name}}}}}" for name in TAGS)
            message = _("There is no tag “{{%(tag)s}}”. These are: %(known)s") % {"tag": word, "known": known}
            yield Problem(f"headers.{index}.value", "tag_unknown", message)
    tagged = [(index, header) for index, header in headers if has_tags(header.value)]
    if not tagged or (draft.token and any(draft.token.problems())):
        # What the token request lacks, the key perhaps, is told beside its own fields.
        return
    try:
        signer = make_signer(_private_key(draft))
    except UnusableKey as unusable:
        for index, _header in tagged:
            yield Problem(f"headers.{index}.value", unusable.code, unusable.message)
        return
    for index, header in tagged:
        yield from _filled_problems(index, (header.name, header.value), signer)


def _private_key(draft: Draft) -> str:
    if draft.token is None:
        return ""
    try:
        key = draft.token.source().key_pair
    except CannotUse:
        return ""
    return key.private_key_pem if key else ""


def _filled_problems(index: int, header: tuple[str, str], signer: TagSigner) -> Iterator[Problem]:
    """Signatures of one key are of one length: what fits now will fit with every attempt."""
    [(name, value)] = signer.fill([header], b"", datetime.now(UTC))
    try:
        check_header(name, value)
    except HeaderRefused as refused:
        if refused.code.startswith("header_value"):
            yield Problem(f"headers.{index}.value", refused.code, refused.message)
