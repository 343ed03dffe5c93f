import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outbound.addresses import Address, check_url, is_plain_http
from outbound.errors import Refused
from outbound.networks import is_public, parse_address
from outbound.policy import Policy, parse_allowance

POLICY = Policy()


def check(url: str, **over: object) -> Address:
    return check_url(url, policy=Policy(**over))  # type: ignore[arg-type]


def code_of(url: str, **over: object) -> str:
    with pytest.raises(Refused) as caught:
        check(url, **over)
    assert str(caught.value)
    return caught.value.code


def words_of(url: str, **over: object) -> str:
    with pytest.raises(Refused) as caught:
        check(url, **over)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM/Hook?Token=a%20b&x=1", "https://example.com/Hook?Token=a%20b&x=1"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("http://example.com:80/a", "http://example.com/a"),
        ("https://example.com:80/a", "https://example.com:80/a"),
        ("https://example.com:8443?x", "https://example.com:8443/?x"),
        ("https://example.com./a", "https://example.com/a"),
        ("https://my_service.example.com/a/../b", "https://my_service.example.com/a/../b"),
        ("https://bücher.example/ação?é=1", "https://xn--bcher-kva.example/a%C3%A7%C3%A3o?%C3%A9=1"),
        ("https://ｅｘａｍｐｌｅ。com/", "https://example.com/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:0::1]:8443/a", "https://[2606:4700::1]:8443/a"),
        ("https://[2606:4700::8.8.8.8]/", "https://[2606:4700::808:808]/"),
        ('https://example.com/{a}"<b>|', "https://example.com/%7Ba%7D%22%3Cb%3E%7C"),
    ],
)
def test_an_address_is_put_together_again_from_its_parts(url: str, expected: str) -> None:
    assert check(url).url == expected


def test_an_address_is_taken_apart() -> None:
    address = check("http://Example.com:8080/hook?key=v")
    assert (address.scheme, address.host, address.port, address.path) == (
        "http", "example.com", 8080, "/hook?key=v",
    )  # fmt: skip
    assert address.is_plain_http
    assert not address.is_literal
    assert check("https://[2606:4700::1]/").host == "2606:4700::1"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "url_malformed"),
        ("example.com/hook", "url_malformed"),
        ("//example.com/", "url_malformed"),
        ("https:example.com", "url_malformed"),
        ("https:///hook", "url_host"),
        ("ftp://example.com/", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("gopher://example.com/", "url_scheme"),
        ("https://user@example.com/", "url_userinfo"),
        ("https://user:secret@example.com/", "url_userinfo"),
        ("https://example.com@127.0.0.1/", "url_userinfo"),
        ("https://example.com/#part", "url_fragment"),
        ("https://example.com#@127.0.0.1/", "url_fragment"),
        ("https://example.com/a b", "url_characters"),
        (" https://example.com/", "url_characters"),
        ("https://example.com/\r\nX-Evil: 1", "url_characters"),
        ("https://exa\tmple.com/", "url_characters"),
        ("https://example.com/\x00", "url_characters"),
        ("https://example.com/\x7f", "url_characters"),
        ("https://example.com/\u00a0", "url_characters"),
        ("https://example.com/\u202e", "url_characters"),
        ("https://example.com\\@127.0.0.1/", "url_characters"),
        ("https://example.com:0/", "url_port"),
        ("https://example.com:22/", "url_port"),
        ("https://example.com:1023/", "url_port"),
        ("https://example.com:65536/", "url_port"),
        ("https://example.com:99999/", "url_port"),
        ("https://example.com:-1/", "url_malformed"),
        ("https://example.com:+443/", "url_malformed"),
        ("https://example.com:4_43/", "url_malformed"),
        ("https://example.com:４４３/", "url_malformed"),
        ("https://example.com:/", "url_malformed"),
        ("https://example.com:443:443/", "url_malformed"),
        ("https://[::1/", "url_malformed"),
        ("https://[8.8.8.8]/", "url_host"),
        ("https://[example.com]/", "url_host"),
        ("https://2606:4700::1/", "url_malformed"),
        ("https://-example.com/", "url_host"),
        ("https://example..com/", "url_host"),
        ("https://.example.com/", "url_host"),
        ("https://exam%70le.com/", "url_host"),
        ("https://exa!mple.com/", "url_host"),
        ("https://xn--a.example/", "url_host"),
        (f"https://{'a' * 64}.example/", "url_host"),
        (f"https://{'a.' * 127}example/", "url_host"),
        # odd spellings of 127.0.0.1, which clients read as an address
        ("https://2130706433/", "url_host"),
        ("https://0x7f000001/", "url_host"),
        ("https://127.1/", "url_host"),
        ("https://0177.0.0.1/", "url_host"),
        ("https://0x7f.0.0.1/", "url_host"),
        ("https://127.0.0.0x1/", "url_host"),
        ("https://example.1/", "url_host"),
    ],
)
def test_a_malformed_address_is_refused_with_its_own_code(url: str, code: str) -> None:
    assert code_of(url) == code


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://１２７.０.０.１/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://0.0.0.0/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://localhost/",
        "https://localhost./",
        "https://LOCALHOST/",
        "https://a.localhost/",
        "https://intranet/",
        "https://printer.local/",
        "https://db.internal/",
        "https://nas.home.arpa/",
        "https://home.arpa/",
        "https://ⓛocalhost/",
    ],
)
def test_every_forbidden_target_is_refused_in_the_same_words(url: str) -> None:
    assert code_of(url) == "refused_address"
    assert words_of(url) == words_of("https://192.168.0.1/")


def test_a_refusal_does_not_tell_which_ports_of_a_private_network_are_open() -> None:
    opened = {"allow_loopback": True, "allowances": (parse_allowance("127.0.0.1:9000"),)}
    assert check("http://127.0.0.1:9000/", **opened)
    for url in ("http://127.0.0.1:19777/", "http://127.0.0.2:9000/", "http://10.0.0.5:9000/"):
        assert words_of(url, **opened) == words_of(url) == words_of("http://192.168.0.1/")


def test_a_refused_port_is_named_with_those_that_are_called() -> None:
    assert words_of("https://example.com:22/").startswith("Port 22 is not called from here.")
    assert words_of("https://example.com:22/").endswith(": 80, 443, 1024-65535.")
    assert words_of("https://10.0.0.1:22/") == words_of("https://example.com:22/")
    assert words_of("https://example.com/", ports=((8443, 8443),)).endswith(": 8443.")


@pytest.mark.parametrize(
    "url", ["https://local.example/", "https://mylocal/x".replace("/x", ".example/"), "https://internal.example/"]
)
def test_a_name_that_only_contains_an_inner_word_is_allowed(url: str) -> None:
    assert check(url)


def test_an_address_may_have_2048_characters_and_no_more() -> None:
    url = "https://example.com/" + "a" * 2028
    assert check(url).url == url
    assert code_of(url + "a") == "url_too_long"


def test_plain_http_is_allowed_unless_the_operator_forbids_it() -> None:
    assert check("http://example.com/").is_plain_http
    assert code_of("http://example.com/", allow_http=False) == "url_http"
    assert not check("https://example.com/", allow_http=False).is_plain_http


@pytest.mark.parametrize(("url", "plain"), [("http://a", True), (" HTTP://a", True), ("https://a", False), ("", False)])
def test_the_warning_about_plain_http_reads_the_address_as_typed(url: str, plain: bool) -> None:
    assert is_plain_http(url) is plain


def test_the_operator_chooses_the_ports() -> None:
    assert check("https://example.com:22/", ports=((22, 22),)).port == 22
    assert code_of("https://example.com/", ports=((8000, 8999),)) == "url_port"


@pytest.mark.parametrize("port", [80, 443, 1024, 65535])
def test_the_usual_ports_are_allowed(port: int) -> None:
    assert check(f"https://example.com:{port}/").port == port


def test_the_portal_does_not_call_itself() -> None:
    own = frozenset({("portal.example", 443), ("127.0.0.1", 8000)})
    assert code_of("https://portal.example/d/token", own_origins=own) == "refused_address"
    assert code_of("https://PORTAL.example.:443/", own_origins=own) == "refused_address"
    assert words_of("https://portal.example/", own_origins=own) == words_of("https://192.168.0.1/")
    assert check("https://portal.example:8443/", own_origins=own)
    loopback = {"own_origins": own, "allow_loopback": True, "allowances": (parse_allowance("127.0.0.0/8"),)}
    assert code_of("http://127.0.0.1:8000/", **loopback) == "refused_address"
    assert check("http://127.0.0.1:8001/", **loopback)


def test_an_address_shows_no_path_and_no_query_in_its_repr() -> None:
    assert "CANARY" not in repr(check("https://example.com/CANARY?key=CANARY"))


@given(st.text(max_size=60))
@example("https://example.com:0")
@example("https://a.b:１")
@example("https://①②⑦.⓪.⓪.①/")
def test_no_text_becomes_an_address_that_is_not_public(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/x", f"https://a.example:{text}"):
        try:
            address = check_url(url, policy=POLICY)
        except Refused:
            continue
        literal = parse_address(address.host)
        assert literal is None or is_public(literal)
        assert address.host.isascii()
        assert address.host == address.host.lower()
        assert address.url.isascii()
        assert not set(address.url) & set(' \t\r\n\\#"<>')
        assert "@" not in address.url.split("/")[2]
        assert address.port in (80, 443) or 1024 <= address.port <= 65535
        # What we judged is what comes out when it is read again.
        assert check_url(address.url, policy=POLICY) == address if len(address.url) <= 2048 else True


@given(st.ip_addresses())
def test_a_literal_address_is_allowed_exactly_when_it_is_public(address: object) -> None:
    text = f"[{address}]" if ":" in str(address) else str(address)
    parsed = parse_address(str(address))
    assert parsed is not None
    if is_public(parsed):
        assert check_url(f"https://{text}/", policy=POLICY).host == str(parsed)
    else:
        assert code_of(f"https://{text}/") == "refused_address"
