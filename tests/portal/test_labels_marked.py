"""Words that people read are marked for translation, wherever they stand: templates, Python, scripts (X-5)."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.structure.source import ROOT, python_files, tracked_files

# The same in every language: names of things in HTTP, of units and of the product.
SAME_EVERYWHERE = {"curl", "gancho", "host", "http", "ms", "sha-256", "v", "webhook-id"}
# Names that a standard gives to how a client authenticates (RFC 6749, RFC 7523, RFC 8705).
STANDARD_NAMES = {"client_secret_jwt", "private_key_jwt", "client_secret_post", "tls_client_auth"}
STANDARD_NAMES |= {"self_signed_tls_client_auth"}
SAME_EVERYWHERE |= {"{{signature}}", "{{nonce}}", "{{timestamp}}", "{{algorithm}}"}
READ_ATTRIBUTES = {"alt", "aria-label", "data-announce", "data-copied-word", "label", "placeholder", "title"}
SHOWN_KEYWORDS = {"description", "empty_label", "help_text", "label", "short_description", "verbose_name", "title"}
SHOWN_KEYWORDS |= {"index_title", "site_header", "site_title", "verbose_name_plural"}
# Calls whose arguments from the one place to before the other are shown.
SHOWN_PLACES = (
    (r"messages\.(success|error|info|warning)|self\.message_user", 1, 2),
    (r"(forms\.)?ValidationError", 0, 1),
    (r"\w*Refused|ActionError|Invalid\w+", 1, 2),
    (r"Problem", 2, 3),
    (r"StateView|WebhookState", 2, 4),
)
# Seen by nobody on a page: what a shell says of a damaged dump, names of demo data, command lines of the demo.
UNSEEN = {"vault/fields.py", "portal/demo.py", "portal/demo_receiver.py", "portal/load.py"}
TEMPLATES = [path for path in tracked_files() if path.is_relative_to(ROOT / "templates")]
LETTERS = re.compile(r"[^\W\d_]{2,}")


class Words(HTMLParser):
    """Text nodes and the attributes that are read out, of HTML without template tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = 0
        self.code: list[str] = []  # open elements that say of themselves that nobody translates them

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in ("script", "style")
        if dict(attrs).get("translate") == "no":
            self.code.append(tag)
        self.found += [value for name, value in attrs if name in READ_ATTRIBUTES and value]
        if tag == "input" and dict(attrs).get("type") in ("submit", "button"):
            self.found.append(dict(attrs).get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("script", "style")
        if self.code and self.code[-1] == tag:
            self.code.pop()

    def handle_data(self, data: str) -> None:
        if not self.silent and not self.code:
            self.found.append(data)


def unmarked_in_template(source: str) -> list[str]:
    source = re.sub(r"{%\s*comment.*?endcomment\s*%}|{#.*?#}", "", source, flags=re.DOTALL)
    source = re.sub(r"{% block \w+_class %}.*?{% endblock[^%]*%}", "", source)
    source = re.sub(r"{%\s*blocktrans.*?endblocktrans(late)?\s*%}", "", source, flags=re.DOTALL)
    reader = Words()
    reader.feed(re.sub(r"{%.*?%}|{{.*?}}", " ", source, flags=re.DOTALL))
    return [" ".join(text.split()) for text in reader.found if not _is_same_everywhere(text)]


def _is_same_everywhere(text: str) -> bool:
    words = (word.strip(".,:;()[]“”\"'/·–→") for word in text.split())
    return not [word for word in words if LETTERS.search(word) and word.lower() not in SAME_EVERYWHERE]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_hold_no_unmarked_words(path: Path) -> None:
    assert unmarked_in_template(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>{% translate 'Save' %} {{ name }}</p>", []),
        ("<p>Save {{ name }}</p>", ["Save"]),
        ("<a title='Back'>{# Why #}</a>", ["Back"]),
        ("<input placeholder=\"{% translate 'Search' %}\"><button value='add'>{% icon 'x' %}</button>", []),
        ("{% blocktranslate trimmed %}Hello <b>{{ name }}</b>{% endblocktranslate %}", []),
        ("<dt>SHA-256</dt><dd>12 ms</dd>", []),
        ('<pre translate="no">export <b>NAME</b></pre> Save', ["Save"]),
    ],
)
def test_the_reader_of_templates_sees_what_people_see(source: str, found: list[str]) -> None:
    assert unmarked_in_template(source) == found


def shown_strings(tree: ast.AST) -> Iterator[ast.expr]:
    """Expressions of Python that end up on a page by custom: labels, help texts, titles, messages, refusals."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _shown_arguments(node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id in SHOWN_KEYWORDS:
                yield node.value
        elif isinstance(node, ast.ClassDef) and any("Choices" in ast.unparse(base) for base in node.bases):
            # A member: what is stored, then what is shown.
            members = [part.value for part in node.body if isinstance(part, ast.Assign)]
            yield from (member.elts[-1] for member in members if isinstance(member, ast.Tuple))


def _shown_arguments(call: ast.Call) -> Iterator[ast.expr]:
    called = ast.unparse(call.func)
    if called != "SealedField":
        yield from (word.value for word in call.keywords if word.arg in SHOWN_KEYWORDS)
    for pattern, start, end in SHOWN_PLACES:
        if re.fullmatch(pattern, called):
            yield from (word for word in call.args[start:end] if not _is_code(word))


def _is_code(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(re.fullmatch(r"[a-z]+(_[a-z]+)+", str(node.value)))


def _is_unmarked(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_unmarked(node.left)
    if isinstance(node, ast.JoinedStr):
        return any(LETTERS.search(str(part.value)) for part in node.values if isinstance(part, ast.Constant))
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    return bool(LETTERS.search(node.value)) and node.value not in STANDARD_NAMES


def unmarked_in_python(source: str) -> list[str]:
    return [ast.unparse(node) for node in shown_strings(ast.parse(source)) if _is_unmarked(node)]


def test_python_shows_no_unmarked_words() -> None:
    found = {path.relative_to(ROOT).as_posix(): unmarked_in_python(path.read_text()) for path in python_files()}
    assert {name: words for name, words in found.items() if words and name not in UNSEEN} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("CharField(label=_('Name'), help_text='Yours')", ["'Yours'"]),
        ("CharField(_('name'), verbose_name='name')", ["'name'"]),
        ("title = 'state'", ["'state'"]),
        ("class P(TextChoices):\n    DAILY = 'daily', 'Daily'", ["'Daily'"]),
        ("StateView('ok', 'circle-check', 'Healthy')", ["'Healthy'"]),
        ("messages.error(request, f'{n} lost')", ["f'{n} lost'"]),
        ("messages.error(request, _('%(n)s lost') % {'n': n})", []),
        ("raise Refused('code', 'Go away')", ["'Go away'"]),
        ("raise forms.ValidationError(_('No'), code='no')", []),
    ],
)
def test_the_reader_of_python_sees_what_people_see(source: str, found: list[str]) -> None:
    assert unmarked_in_python(source) == found


def test_scripts_bring_no_words_of_their_own() -> None:
    # What a script says comes from data attributes, which the templates translate.
    said = re.compile(r"""(?:textContent|innerText|ariaLabel|placeholder|detail)\s*[=:]\s*["'`][^"'`]*[^\W\d_]{2}""")
    aloud = re.compile(r"""\b(?:alert|confirm|prompt)\(|setAttribute\("(?:aria-label|title)",\s*["'`]""")
    scripts = {
        path.name: re.sub(r"^\s*//.*", "", path.read_text(), flags=re.MULTILINE)
        for path in (ROOT / "static" / "js").glob("*.js")
    }
    assert scripts
    assert [name for name, source in scripts.items() if said.search(source) or aloud.search(source)] == []
