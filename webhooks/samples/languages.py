"""The languages that samples are written in. A new one is a source in `sources/` and a line here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from webhooks.auth.method import BEARER, OWN_TOKEN
from webhooks.samples.recipe import TAGS

SOURCES = Path(__file__).parent / "sources"


@dataclass(frozen=True)
class Language:
    """`code` is its word in addresses. `needs`: what to have. `prepare`: commands before the first start, for those
    sections that need more than the language itself; "" for all. `starts`: how it is started with those sections.
    `untried`: the sections with which our tests don't run it; `run_by_tests`: whether they run it at all."""

    code: str
    label: str
    file_name: str
    needs: str
    start: str
    comment: str
    prepare: Mapping[str, str] = field(default_factory=dict)
    starts: Mapping[str, str] = field(default_factory=dict)
    untried: frozenset[str] = frozenset()
    run_by_tests: bool = True

    @cached_property
    def source(self) -> str:
        return (SOURCES / f"{self.file_name}.txt").read_text()

    def commands(self, sections: frozenset[str]) -> list[str]:
        """Return what prepares a receiver with these checks, in order, each command once."""
        return list(dict.fromkeys(line for section, line in self.prepare.items() if not section or section in sections))

    def start_with(self, sections: frozenset[str]) -> str:
        """Return the command that starts a receiver with these checks."""
        return next((line for section, line in self.starts.items() if section in sections), self.start)

    def is_tried(self, sections: frozenset[str]) -> bool:
        """Whether our tests run a receiver with these checks."""
        return self.run_by_tests and not self.untried & sections


_JWT = 'python3 -m pip install "pyjwt[crypto]"'
_NIMBUS = "# nimbus-jose-jwt.jar is com.nimbusds:nimbus-jose-jwt, 9.37 or newer, from your repository"
_NUGET = 'dotnet add package Microsoft.AspNetCore.Authentication.JwtBearer --version "8.*"'

LANGUAGES: dict[str, Language] = {
    language.code: language
    for language in (
        Language(
            "python",
            "Python",
            "receiver.py",
            "Python 3.9",
            "python3 receiver.py",
            "#",
            {BEARER: _JWT, OWN_TOKEN: _JWT, TAGS: "python3 -m pip install cryptography"},
        ),
        Language("node", "Node.js", "receiver.mjs", "Node.js 18", "node receiver.mjs", "//"),
        Language(
            "java",
            "Java",
            "Receiver.java",
            "JDK 17",
            "java Receiver.java",
            "//",
            {BEARER: _NIMBUS, OWN_TOKEN: _NIMBUS},
            starts=dict.fromkeys((BEARER, OWN_TOKEN), "java -cp nimbus-jose-jwt.jar Receiver.java"),
            untried=frozenset({BEARER, OWN_TOKEN}),
        ),
        Language(
            "csharp",
            "C#",
            "Program.cs",
            ".NET 8",
            "dotnet run",
            "//",
            {
                "": "dotnet new web -o receiver && cp Program.cs receiver/ && cd receiver",
                BEARER: _NUGET,
                OWN_TOKEN: _NUGET,
            },
            run_by_tests=False,
        ),
    )
}
