"""Reading an e-mail: whether it comes from whom it says."""

from __future__ import annotations

import authres  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sayso.connectors.email.inbox.authentication import is_authentic, read_results

TRUST = "mx.shop.example"
DMARC = f"{TRUST}; dkim=pass header.d=example.com; dmarc=pass header.from=example.com"
PASS = "dmarc=pass header.from=example.com"


@pytest.mark.promise("desk:mail:sender")
@pytest.mark.parametrize(
    ("headers", "domain"),
    [
        ([DMARC], "example.com"),
        (["other.example; dmarc=fail header.from=example.com", DMARC], "EXAMPLE.com"),
        ([f"{TRUST} 1; (all well) dmarc=pass (p=none; x) header.from=example.com"], "example.com"),
        ([f'"{TRUST}"; dmarc=pass header.from="example.com"'], "example.com"),
        ([f"{TRUST};\r\n\tdmarc=pass\r\n\theader.from=bücher.example"], "xn--bcher-kva.example"),
    ],
)
def test_our_servers_dmarc_pass_for_the_senders_domain_proves_the_sender(
    headers: list[str], domain: str
) -> None:
    """RFC 8601: the topmost header of our own server, with the From's domain aligned."""
    assert is_authentic(headers, TRUST, domain)


@pytest.mark.promise("desk:mail:sender")
@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["evil.example; dmarc=pass header.from=example.com"],
        [f"{TRUST}; dmarc=fail header.from=example.com", DMARC],  # a forged one below ours
        [f"{TRUST}; none", DMARC],
        [f"{TRUST}; dkim=pass header.d=example.com; spf=pass smtp.mailfrom=example.com"],
        [f"{TRUST}; dmarc=pass header.from=evil.example"],
        [f"{TRUST}; dmarc=pass header.from=example.com.evil.example"],
        [f"{TRUST}; dmarc=pass"],
        [f"{TRUST}; dmarc=pass header.from=example.com; dmarc=fail header.from=example.com"],
        [f"{TRUST}; dmarc=fail (dmarc=pass header.from=example.com)"],
        [f'{TRUST}; dmarc=fail reason="; dmarc=pass header.from=example.com"'],
        [f"{TRUST}; dmarc=pass header.from=example.com (not closed"],
        [f"{TRUST} (not closed; dmarc=fail", DMARC],
        [f"{TRUST}.evil.example; dmarc=pass header.from=example.com"],
        ["spf=pass smtp.mailfrom=example.com; dmarc=pass header.from=example.com"],
        [f"{TRUST}; compauth=pass; dmarc=none header.from=example.com"],
        [f'{TRUST}; spf=pass smtp.mailfrom="a\\"; {PASS}; x=a\\"\\""@evil.example; dmarc=fail'],
        [f'{TRUST}; spf=fail smtp.mailfrom="\\""@evil.example', DMARC],
        [f'{TRUST}; dmarc=pass header.from=evil.example reason="header.from=example.com"'],
        [f"{TRUST}; dmarc=pass header.from=evil.example header.from=example.com"],
    ],
)
def test_nothing_else_proves_the_sender(headers: list[str]) -> None:
    """A forged header, another server's, another domain's, or one that contradicts itself."""
    assert not is_authentic(headers, TRUST, "example.com")


def test_without_a_server_to_trust_nothing_is_proven() -> None:
    """An empty setting matches no header, not every one."""
    assert not is_authentic([DMARC], "", "example.com")
    assert not is_authentic(["; dmarc=pass header.from=example.com"], "", "example.com")


def test_microsofts_header_has_no_servers_name() -> None:
    """It begins with `spf=`, which counts only where the setting says that Microsoft is ours."""
    header = (
        "spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=example.com; dkim=pass (signature was"
        " verified)\r\n header.d=example.com;dmarc=pass action=none\r\n"
        " header.from=example.com;compauth=pass reason=100"
    )
    assert is_authentic([header], "protection.outlook.com", "example.com")
    assert not is_authentic([header], TRUST, "example.com")
    assert not is_authentic([header], "protection.outlook.com", "evil.example")
    # Theirs on top that cannot be read hides a forged one below.
    assert not is_authentic(
        ["spf=fail (not closed", header], "protection.outlook.com", "example.com"
    )


def test_a_domain_that_is_none_is_not_the_one_that_is_missing() -> None:
    """A name that has no ASCII form is compared with nothing."""
    assert not is_authentic([f"{TRUST}; dmarc=pass"], TRUST, f"{'ü' * 70}.example")


@pytest.mark.parametrize(
    "header",
    [
        DMARC,
        f"{TRUST}; none",
        f"{TRUST}; spf=pass smtp.mailfrom=example.com",
        f"{TRUST}; dkim=pass (good) header.d=example.com; dmarc=fail header.from=example.com",
        f'{TRUST}; auth=pass (x) smtp.auth=a@example.com; spf=fail reason="a; b" smtp.helo=b',
    ],
)
def test_results_are_read_as_another_implementation_reads_them(header: str) -> None:
    """`authres` judges: the same server, methods and results."""
    judged = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {header}")
    read = read_results(header)
    assert read is not None
    assert read.server == judged.authserv_id
    assert [(one.name, one.result) for one in read.methods] == [
        (one.method, one.result) for one in judged.results if one.method != "none"
    ]


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='();="\\ \t.a1;mxdmarcpass', max_size=80))
def test_no_header_makes_the_reader_fail(text: str) -> None:
    """Whatever stands in it, it is read or refused."""
    assert is_authentic([text], TRUST, "example.com") in (True, False)
