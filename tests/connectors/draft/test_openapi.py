"""From a provider's description to a first gated call."""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest
from connectors.draft.spa import SPEC, answered, spa_server
from connectors.manifest.test_in_the_house import make_workspace
from support.database import make_database
from surfaces.cli.cli_workspace import Line

from sayso.connectors.describe.openapi import OpenApi
from sayso.connectors.draft.openapi import draft_openapi
from sayso.connectors.draft.words import effect_of, singular, snake
from sayso.sdk.client import Sayso

POLICY = """
@id("cancel") @explain("a customer may cancel their own booking")
permit (principal, action == Action::"spa.cancel", resource);
"""


def drafted(spec: dict[str, object] = SPEC) -> tuple[str, dict[str, object]]:
    """A draft's text, and what TOML reads of it."""
    text = draft_openapi(OpenApi(spec, "spa.json"), "spa", "spa.json").text
    return text, tomllib.loads(text)


@pytest.mark.promise("draft:sure")
def test_what_a_description_says_is_filled_in_and_nothing_else() -> None:
    """The path, the owner, the reference; the state that allows it and the look-up are asked."""
    text, table = drafted()
    assert set(table["actions"]) == {"cancel"}  # type: ignore[call-overload]
    action = table["actions"]["cancel"]  # type: ignore[index]
    assert action["effect"] == "cancellation"
    assert action["owner"] == {"path": "booking.customer_id"}
    assert action["call"]["post"] == "/bookings/{object.id}/cancel"
    assert action["call"]["json"] == {"external_id": "{call.ref}"}
    assert action["call"]["receipt"]["ours"] == "external_id"
    assert table["records"]["booking"]["query"] == {"customer_id": "{subject.id}"}  # type: ignore[index]
    assert table["connection"]["auth"] == {"kind": "bearer"}  # type: ignore[index]
    assert "# ASK require" in text
    assert "'booked'" in text
    assert "look_up" not in action
    assert "require" not in action


@pytest.mark.promise("draft:sure")
def test_staff_is_never_taken_for_the_owner() -> None:
    """A `user_id` may be anybody's, and an author is whoever wrote it: both are asked."""
    spec = json.loads(json.dumps(SPEC).replace("customer_id", "user_id"))
    text, table = drafted(spec)
    assert "owner" not in table["actions"]["cancel"]  # type: ignore[index]
    assert "# ASK owner" in text
    spec = json.loads(json.dumps(SPEC).replace("customer_id", "created_by"))
    assert "owner" not in drafted(spec)[1]["actions"]["cancel"]  # type: ignore[index]


@pytest.mark.promise("draft:sure")
def test_who_a_customer_is_is_read_and_what_is_verified_is_asked() -> None:
    """A word such as `email_verified` says neither by whom nor of which address."""
    fields = ["id", "first_name", "email", "email_verified", "created_at", "external_id", "note"]
    shape: dict[str, Any] = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in fields},
    }
    answer = {"content": {"application/json": {"schema": shape}}}
    spec = json.loads(json.dumps(SPEC))
    spec["paths"]["/guests/{guest_id}"] = {"get": {"responses": {"200": answer}}}
    text, table = drafted(spec)
    assert table["person"] == {
        "get": "/guests/{subject.id}",
        "id": "id",
        "name": "first_name",
        "email": "email",
        "since": "created_at",
    }
    assert re.search(r"# ASK email_verified: .* Candidates: email_verified$", text, re.MULTILINE)
    assert re.search(r"# ASK ids: .* Candidates: external_id$", text, re.MULTILINE)
    assert "# ASK find" in text
    assert "# ASK person" in drafted()[0]


REFUNDS: dict[str, object] = {
    "openapi": "3.0.3",
    "info": {"title": "Till", "version": "1"},
    "servers": [
        {"url": "https://api.sandbox.till.example"},
        {"url": "https://api.till.example"},
    ],
    "paths": {
        "/payouts": {"post": {"operationId": "createPayout", "responses": {}}},
        "/payments/{id}": {
            "get": {
                "operationId": "getPayment",
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {
                                        "id": {"type": "string"},
                                        "account": {
                                            "type": "object",
                                            "properties": {"id": {"type": "string"}},
                                        },
                                        "status": {"type": "string", "enum": ["paid", "failed"]},
                                    },
                                }
                            }
                        }
                    }
                },
            }
        },
        "/payments/{id}/refunds": {
            "get": {
                "operationId": "listRefunds",
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {
                                        "_embedded": {
                                            "type": "object",
                                            "properties": {
                                                "refunds": {
                                                    "type": "array",
                                                    "items": {
                                                        "$ref": "#/components/schemas/Refund"
                                                    },
                                                }
                                            },
                                        }
                                    },
                                }
                            }
                        }
                    }
                },
            },
            "post": {
                "operationId": "createRefund",
                "parameters": [{"name": "Idempotency-Key", "in": "header", "schema": {}}],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Refund"}}
                    }
                },
                "responses": {
                    "201": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Refund"}}
                        }
                    },
                    "422": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {
                                        "errors": {
                                            "type": "array",
                                            "items": {
                                                "type": "object",
                                                "properties": {
                                                    "code": {"type": "string"},
                                                    "detail": {"type": "string"},
                                                },
                                            },
                                        }
                                    },
                                }
                            }
                        }
                    },
                },
            },
        },
    },
    "components": {
        "schemas": {
            "Refund": {
                "type": "object",
                "required": ["id", "amount", "metadata", "status"],
                "properties": {
                    "id": {"type": "string", "readOnly": True},
                    "status": {"type": "string", "readOnly": True},
                    "metadata": {"type": "string"},
                    "amount": {
                        "type": "object",
                        "properties": {
                            "value": {"type": "string", "example": "10.00"},
                            "currency": {"type": "string"},
                        },
                    },
                },
            }
        }
    },
}


@pytest.mark.promise("draft:sure")
def test_what_only_the_provider_says_is_never_sent() -> None:
    """`readOnly` fields are no arguments; a field for references takes ours, and is read back."""
    text, table = drafted(REFUNDS)
    actions = cast("dict[str, dict[str, Any]]", table["actions"])
    action = actions["refund"]
    assert set(action["args"]) == {"payment", "amount"}
    assert action["call"]["json"] == {
        "metadata": "{call.ref}",
        "amount": {"value": "{amount.major}", "currency": "{amount.currency}"},
    }
    assert action["look_up"] == {
        "get": "/payments/{object.id}/refunds",
        "items": "_embedded.refunds",
    }
    assert table["money"] == {"unit": "major"}
    assert "# ASK absent_after" in text


def test_refusals_servers_and_keys_are_read_from_the_description() -> None:
    """The server that counts, where a refusal says why, and a key that counts for nothing yet."""
    text, table = drafted(REFUNDS)
    assert table["connection"]["base"] == "https://api.till.example"  # type: ignore[index]
    assert table["errors_at"] == {"message": "errors[0].detail", "code": "errors[0].code"}
    assert table["actions"]["refund"]["call"]["key"] == {"at": "header.Idempotency-Key"}  # type: ignore[index]
    assert "# ASK key: for how long" in text
    assert "# ASK owner" in text, "an account is the customer's, or the shop's own"
    assert "payment.account.id" in text
    assert list(table)[-1] == "actions"
    assert (
        draft_openapi(OpenApi(REFUNDS, "t.json"), "t", "t.json")
        .actions["refund"]
        .startswith("POST /payments")
    )


def test_what_ends_in_a_state_is_looked_up_where_it_was_read() -> None:
    """Without a reference: the same read, its state, and a question about the word."""
    spec = json.loads(json.dumps(SPEC).replace("external_id", "notice"))
    text, table = drafted(spec)
    assert table["actions"]["cancel"]["look_up"] == {  # type: ignore[index]
        "get": "/bookings/{object.id}",
        "proof": "state",
        "items": "[@]",
    }
    assert "# ASK so: in which state is it afterwards? Candidates: state == 'booked'" in text


WRAPPED: dict[str, object] = {
    "openapi": "3.1.0",
    "info": {"title": "Meter", "version": "1"},
    "servers": [{"url": "https://api.meter.example/v1"}],
    "paths": {
        "/subscriptions/{external_id}": {
            method: {
                "operationId": f"{verb}Subscription",
                "parameters": [{"name": "external_id", "in": "path", "schema": {"type": "string"}}],
                "responses": {
                    "200": {
                        "description": "it",
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "properties": {
                                        "subscription": {
                                            "type": "object",
                                            "properties": {
                                                "meter_id": {"type": "string"},
                                                "external_id": {"type": "string"},
                                                "external_customer_id": {"type": "string"},
                                                "status": {"enum": ["active", "terminated"]},
                                            },
                                        }
                                    },
                                }
                            }
                        },
                    }
                },
            }
            for method, verb in (("get", "find"), ("delete", "terminate"))
        }
    },
}
"""A provider that wraps what it answers, and calls its own ids by its own name."""


@pytest.mark.promise("draft:sure")
def test_what_is_wrapped_is_read_inside_and_told_by_what_its_address_takes() -> None:
    """`{"subscription": {…}}` has no `id`; the address takes another field of it."""
    text, table = drafted(WRAPPED)
    (action,) = cast("dict[str, Any]", table["actions"]).values()
    assert cast("dict[str, Any]", table["reads"])["subscription"]["root"] == "subscription"
    assert action["object"]["id"] == "subscription.external_id"
    assert action["owner"] == {"path": "subscription.external_customer_id"}
    assert action["call"]["receipt"]["from"] == "subscription"
    assert action["look_up"]["items"] == "[subscription]"
    assert "# ASK owner" not in text


def test_foreign_words_stay_in_their_comment() -> None:
    """A summary with a line break or a quote is no line of the manifest."""
    spec = json.loads(json.dumps(SPEC))
    cancel = spec["paths"]["/bookings/{booking_id}/cancel"]["post"]
    cancel["summary"] = 'x"\nowner = { none = "trust me" }\n#\u202e'
    cancel["operationId"] = 'y"\n[actions.evil]\n'
    _, table = drafted(spec)
    assert len(table["actions"]) == 1  # type: ignore[arg-type]
    assert next(iter(table["actions"].values()))["owner"] == {"path": "booking.customer_id"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "effect"),
    [
        (["refund"], "money_out"),
        (["cancel"], "cancellation"),
        (["bulk", "cancel"], None),
        (["appendix"], None),  # whole words: no `send` in it
        (["reply"], "message"),
        (["list"], None),
    ],
)
def test_whole_words_tell_what_an_operation_does(words: list[str], effect: str | None) -> None:
    """And what is done to many at once is not support's."""
    assert effect_of(words, has_amount=False, deletes=False) == effect


def test_names_are_made_of_foreign_ones() -> None:
    """Whatever a provider calls it, it is a word of a manifest."""
    assert snake("createOrderRefund") == "create_order_refund"
    assert snake("3D-Secure!") == "d_secure"
    assert singular("entries") == "entry"
    assert singular("address") == "address"


def proposed(folder: Path, booking: str, subject: str) -> str:
    """What becomes of a cancellation."""

    async def work() -> str:
        environment = {"CHARGEBEE_KEY": "test_key_of_the_spa"}
        async with Sayso.open(folder, environment=environment, mode="decide") as sayso:
            view = await sayso.propose("spa.cancel", {"booking": booking}, subject=subject)
            return view.status

    return asyncio.run(work())


def tried_at_the_provider(line: Line, manifest: Path, here: tuple[str, ...]) -> None:
    """Before its review: every read is run, and a path that the provider doesn't know is found."""
    words = ("connector", "try", "spa", "--subject", "cus_7", *here)
    assert "sends your key to https://api.harbour.example" in line(*words).err
    one = ("--args", '{"cancel": {"booking": "bk_1"}}', "--yes")
    found = line.done(*words, *one)
    states = {item["where"]: item["state"] for item in found["items"]}
    assert states == {
        "connection.account": "read",
        "records": "read",
        "actions.cancel": "read",
        "actions.cancel.look_up": "read",
    }
    assert "bk_1" not in str(found)
    good = manifest.read_text()
    assert '"booking.state"' in good
    manifest.write_text(good.replace('"booking.state"', '"booking.stat"'))
    wrong = line(*words, *one)
    assert wrong.status == 1
    assert "wrong    actions.cancel:" in wrong.out
    manifest.write_text(good)
    (refused,) = [
        item
        for item in line.done(*words, "--args", '{"cancel": {"booking": "bk_9"}}', "--yes")["items"]
        if item["where"] == "actions.cancel"
    ]
    assert (refused["state"], "[unknown_object]" in refused["what"]) == ("refused", True)


@pytest.mark.promise("draft:first-call")
def test_a_description_becomes_a_gated_call(
    tmp_path: Path, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drafted, answered, checked by the description, reviewed, proposed, decided, done once."""
    with spa_server() as spa:
        folder = make_workspace(tmp_path, spa.url, verified=False)
        (folder / "policy.cedar").write_text(POLICY)
        settings = (folder / "sayso.toml").read_text()
        settings = settings.replace("[connectors.chargebee]", "[connectors.spa]")
        settings = settings.replace('site = "acme-test"\n', "")
        (folder / "sayso.toml").write_text(settings)
        spec = folder / "spa.json"
        spec.write_text(json.dumps(SPEC))
        here = ("--workspace", str(folder))
        made = line("connector", "draft", "openapi", str(spec), "--name", "spa", *here)
        assert made.status == 0, made.err
        assert "spa.cancel: POST /bookings/{booking_id}/cancel" in made.out
        again = line("connector", "draft", "openapi", str(spec), "--name", "spa", *here)
        assert "is there already" in again.err

        asked = line("connector", "check", "spa", *here)
        assert "asks: require" in asked.out
        manifest = folder / "connectors" / "spa.toml"
        manifest.write_text(answered(manifest.read_text()))
        checked = line("connector", "check", "spa", "--spec", str(spec), *here)
        assert checked.status == 0, checked.err
        assert "spa.cancel: done once (verifiable, claimed)" in checked.out
        monkeypatch.setenv("CHARGEBEE_KEY", "test_key_of_the_spa")
        tried_at_the_provider(line, manifest, here)
        assert (spa.cancelled, spa.keys) == (0, {"Bearer test_key_of_the_spa"})
        assert line("connector", "review", "spa", "--yes", *here).status == 0

        make_database(folder / "sayso.db")
        assert proposed(folder, "bk_1", "cus_7") == "pending_approval"  # it was never tried there
        assert proposed(folder, "bk_1", "cus_8") == "refused"
        assert spa.cancelled == 0
        assert spa.keys == {"Bearer test_key_of_the_spa"}

        record = ("connector", "record", "spa", "cancel", "--subject", "cus_7", *here)
        only_read = line(*record, "--args", '{"booking": "bk_1"}')
        assert only_read.status == 0, only_read.err
        assert spa.cancelled == 0
        tried = line(*record, "--args", '{"booking": "bk_1"}', "--do-it")
        assert tried.status == 0, tried.err
        assert spa.cancelled == 1
        assert "none asks for a person for want of that" in tried.out
        kept = (folder / "connectors" / "spa.exchanges.jsonl").read_text()
        assert "test_key_of_the_spa" not in kept
        assert "Harbour" not in kept  # a name

        assert proposed(folder, "bk_2", "cus_7") == "succeeded"
        assert spa.cancelled == 2
