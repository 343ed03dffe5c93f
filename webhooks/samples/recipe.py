"""What the receiver of one webhook must check: its own authentication, its signed headers, our signature.

A recipe is made of what stands in the clear in the webhook's configuration. No secret is opened, so none can get into a
sample: those come from the receiver's environment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webhooks.auth import registry
from webhooks.auth.method import BASIC, BEARER, HEADER, OWN_TOKEN
from webhooks.models import Webhook, WebhookHeader
from webhooks.tags import sole_tag

TAGS = "tags"
# Without one of these a signature in a header can't be verified.
_WANTED_TAGS = ("signature", "nonce", "timestamp")


@dataclass(frozen=True)
class Setting:
    """A variable of the environment that a receiver reads. `languages`: only those; empty means all of them. `value`:
    what to set where we know it; dots where only its owner does."""

    name: str
    what: Promise
    languages: frozenset[str] = frozenset()
    value: str = "…"


SIGNING = Setting("WEBHOOK_SECRET", _("the signing secret of this webhook, beginning with whsec_"))
# Where the samples listen when they are told nothing.
PORT = 9000
_HERE = ("127.0.0.1", "localhost")
_SETTINGS = {
    HEADER: (Setting("WEBHOOK_TOKEN", _("the Secret or Token that was entered in the webhook's form")),),
    BASIC: (
        Setting("WEBHOOK_USER", _("the user that was entered in the webhook's form")),
        Setting("WEBHOOK_PASSWORD", _("the password that was entered in the webhook's form")),
    ),
    BEARER: (
        Setting("WEBHOOK_ISSUER", _("the address of the server that gives the tokens, as they say it in “iss”")),
        Setting("WEBHOOK_AUDIENCE", _("for whom the tokens are made, as they say it in “aud”")),
        Setting("WEBHOOK_ISSUER_KEYS", _("the address of that server's public keys (jwks_uri)"), frozenset({"java"})),
    ),
    OWN_TOKEN: (Setting("WEBHOOK_TOKEN_KEY", _("the key with which your application signs its tokens (HS256)")),),
    TAGS: (Setting("WEBHOOK_CERTIFICATE", _("the file with the certificate that was uploaded, without its key")),),
}


@dataclass(frozen=True)
class Recipe:
    """`sections`: what is checked besides our signature. `names`: what the sources call by a name in capitals, such as
    the header in which a token comes. `other_tags`: there are tags in headers, but not as the samples expect them.
    `port`: at which the webhook calls a receiver on the portal's own machine, with nothing between them; None for every
    other address."""

    sections: frozenset[str]
    names: Mapping[str, str] = field(default_factory=dict)
    client_certificate: bool = False
    other_tags: bool = False
    port: int | None = None

    def settings_for(self, language: str) -> list[Setting]:
        """Return what a receiver in this language must be told, in the order of the samples."""
        found = [SIGNING, *(each for section, given in _SETTINGS.items() if section in self.sections for each in given)]
        if self.port not in (None, PORT):
            found.append(Setting("PORT", _("the port that this webhook calls"), value=str(self.port)))
        return [setting for setting in found if not setting.languages or language in setting.languages]


def build_recipe(webhook: Webhook) -> Recipe:
    """Return the recipe of a stored webhook. One query, and one more where its connection is not loaded."""
    sections, names = set(), {}
    if method := registry.METHODS.get(webhook.auth_method):
        kind = webhook.connection.kind if webhook.connection else ""
        for check in method.receiver_checks(webhook.auth_settings, kind):
            sections.add(check.kind)
            if check.kind == HEADER:
                names["HEADER"] = check.header
    tagged = _tagged_headers(webhook.headers.filter(secret=False).order_by("position", "pk"))
    if complete := all(tag in tagged for tag in _WANTED_TAGS):
        sections.add(TAGS)
        names |= {f"{tag.upper()}_HEADER": tagged[tag] for tag in _WANTED_TAGS}
    client_certificate = webhook.client_key_pair_id is not None
    port = find_own_port(webhook.request_uri)
    return Recipe(frozenset(sections), names, client_certificate, other_tags=bool(tagged) and not complete, port=port)


def find_own_port(address: str) -> int | None:
    """Return the port of an address on this very machine that a sample can take without a proxy; None for others."""
    parts = urlsplit(address)
    return (parts.port or 80) if parts.scheme == "http" and parts.hostname in _HERE else None


def _tagged_headers(headers: Iterable[WebhookHeader]) -> dict[str, str]:
    """Return the header of each tag that is all there is in one. A value with more around its tag counts as `other`."""
    found: dict[str, str] = {}
    for header in headers:
        tag = sole_tag(header.value)
        if tag is not None:
            found.setdefault(tag or "other", header.name)
    return found
