"""A certificate with its private key: the two files, and the key's password where it has one."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from connections.errors import Problem
from connections.expiry import Validity, describe_validity, lower_first
from connections.forms.fields import UnjudgedFile
from connections.forms.secrets import SecretInput
from connections.key_pairs import Upload
from connections.models import KeyPair
from connections.pem import MAX_BYTES


class FilePicker(forms.FileInput):
    """The browser's own control says what it has to say in the browser's language: with a script one of ours lies
    behind it, in the page's (static/js/forms.js)."""

    template_name = "connections/_file_picker.html"


def list_key_pairs(key_pairs: Iterable[KeyPair], now: datetime) -> list[tuple[str, str]]:
    """Return the choices: each says how long it is good for where that is a problem, and those come last."""
    found = [(describe_validity(each.not_before, each.not_after, now), each) for each in key_pairs]
    found.sort(key=lambda pair: ("ok", "warn", "bad").index(pair[0].tone))
    return [(str(each.uuid), _name(each, validity)) for validity, each in found]


def _name(key_pair: KeyPair, validity: Validity) -> str:
    words = (key_pair.name, key_pair.key_words, lower_first(validity.word) if validity.problem else "")
    return " · ".join(filter(None, words))


class UploadForm(forms.Form):
    """Reads the files; connections.key_pairs judges them. `named`: asks for a name as well. `data` may be a form that
    was posted for something else and has no files."""

    use_required_attribute = False

    name = forms.CharField(label=_("Name"), max_length=120, widget=forms.TextInput({"autocomplete": "off"}))
    certificate = UnjudgedFile(
        label=_("Certificate"),
        widget=FilePicker({"accept": ".crt,.pem"}),
        help_text=_("File .CRT or .PEM, with its chain if it has one."),
    )
    private_key = UnjudgedFile(
        label=_("PrivateKey"),
        widget=FilePicker({"accept": ".key,.pem"}),
        help_text=_("File .KEY or .PEM. Stored encrypted and never shown."),
    )
    password = forms.CharField(
        label=_("Password of the private key"),
        required=False,
        strip=False,
        max_length=1_024,
        widget=SecretInput(),
        help_text=_("Only if the file is protected by one. It is not kept."),
    )

    def __init__(self, data: Any = None, files: Any = None, *, named: bool = True, prefix: str | None = None) -> None:
        super().__init__(data, files, prefix=prefix)
        if not named:
            del self.fields["name"]
        elif prefix:
            # Amid another form, which has a name as well.
            self.fields["name"].label = _("Name of the certificate")

    def clean(self) -> None:
        for name in ("certificate", "private_key"):
            if not self.cleaned_data.get(name):
                self.add_error(name, _("Choose the file."))

    def upload(self) -> Upload:
        """Return what was given, not judged; what is missing is empty."""
        self.is_valid()
        certificate, private_key = self._file("certificate"), self._file("private_key")
        return Upload(
            certificate=certificate[0],
            private_key=private_key[0],
            certificate_name=certificate[1],
            private_key_name=private_key[1],
            password=self.cleaned_data.get("password") or "",
        )

    def _file(self, name: str) -> tuple[bytes, str]:
        given = self.cleaned_data.get(name)
        return (given.read(MAX_BYTES + 1), given.name) if given else (b"", "")

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Put each refusal beside its field; one that can't be read has its message already."""
        for problem in problems:
            field = problem.field if problem.field in self.fields else None
            if field is None or field not in self.errors:
                self.add_error(field, problem.message)
