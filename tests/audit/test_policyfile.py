"""The auditor's policy: tlog-policy text, read strictly."""

from __future__ import annotations

from itertools import chain, combinations

import pytest
from audit.small_log import signer_of
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sayso.audit.signed_note.cosignature import Ed25519Cosigner, MlDsaCosigner
from sayso.audit.signed_note.witness_policy import WitnessPolicy
from sayso.errors import Code, ConfigError


def witness(seed: int, name: str = "witness.example/w") -> str:
    """A witness's vkey."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Ed25519Cosigner(name, key).vkey


LOG = signer_of("acme/main").vkey
W1, W2, W3, W4, W5 = (witness(seed) for seed in range(1, 6))


def test_the_example_of_the_specification_is_read() -> None:
    """Source: c2sp.org/tlog-policy, the example with two levels of groups."""
    text = f"""
log {LOG}

# two departments
witness X1 {W1}
  witness\tX2 {W2}\t https://x2.example/
witness X3 {W3}
group X-witnesses 2 X1 X2 X3
witness Y1 {W4}
witness Y2 {W5}
group Y-witnesses any Y1 Y2

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
    policy = WitnessPolicy.parse(text)
    assert [log.key.name for log in policy.logs] == ["acme/main"]
    assert policy.witnesses["X2"].url == "https://x2.example/"
    names = ("X1", "X2", "X3", "Y1", "Y2")
    every = chain.from_iterable(combinations(names, count) for count in range(6))
    for chosen in every:
        enough = sum(name.startswith("X") for name in chosen) >= 2 and (
            any(name.startswith("Y") for name in chosen)
        )
        assert policy.satisfied_by(chosen) is enough


def test_no_quorum_at_all_must_be_said() -> None:
    """`quorum none` wants no witness; a missing line refuses the file."""
    policy = WitnessPolicy.parse("quorum none\n")
    assert not policy.wants_witnesses
    assert policy.satisfied_by(())
    assert WitnessPolicy.parse(f"witness a {W1}\nquorum a\n").wants_witnesses


def test_a_log_may_have_a_second_key() -> None:
    """ML-DSA-44 beside Ed25519, under the same origin."""
    second = MlDsaCosigner.generate("acme/main").vkey
    policy = WitnessPolicy.parse(f"log {LOG}\nlog {second}\nquorum none\n")
    assert [key.vkey for key in policy.log_keys()] == [LOG]
    assert [key.vkey for key in policy.second_keys()] == [second]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum none",
        "quorum none\nquorum none\n",
        "quorum some\n",
        f"witness a {W1}\n",
        f"witness none {W1}\nquorum none\n",
        f"witness a {W1}\nwitness a {W2}\nquorum a\n",
        f"witness a {W1}\nwitness b {W1}\nquorum a\n",
        f"witness a {W1}\nwitness b {witness(1, 'other')}\nquorum a\n",
        f"witness a {LOG}\nquorum a\n",
        f"log {W1}\nquorum none\n",
        f"log {LOG}\nlog {LOG}\nquorum none\n",
        f"log {LOG} a b\nquorum none\n",
        f"log {LOG[:-1]}\nquorum none\n",
        "log\nquorum none\n",
        f"quorum a\nwitness a {W1}\n",
        f"group g 1 a\nwitness a {W1}\nquorum g\n",
        f"witness a {W1}\ngroup g 0 a\nquorum g\n",
        f"witness a {W1}\ngroup g 2 a\nquorum g\n",
        f"witness a {W1}\ngroup g 01 a\nquorum g\n",
        f"witness a {W1}\ngroup g some a\nquorum g\n",
        f"witness a {W1}\ngroup g all\nquorum g\n",
        f"witness a {W1}\ngroup g all g\nquorum g\n",
        f"witness a {W1}\ngroup g all none\nquorum g\n",
        f"witness a {W1}\ngroup g all a a\nquorum g\n",
        f"witness a {W1}\ngroup g all a\ngroup h all a\nquorum g\n",
        f"witness a {W1}\ngroup a all a\nquorum a\n",
        f"witness a {W1}\r\nquorum a\r\n",
        "quorum none\x0b\n",
        "qourum none\nquorum none\n",
        "quorum none\n\x00\n",
    ],
)
def test_everything_else_refuses_the_whole_file(text: str) -> None:
    """A policy that is half understood would trust somebody whom nobody meant."""
    with pytest.raises(ConfigError) as caught:
        WitnessPolicy.parse(text)
    assert caught.value.code is Code.INVALID_SETTING
