"""What is wrong with a desk's settings is told by `sayso check`, before anybody writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.workspace import ENVIRONMENT, make_workspace

from sayso.sdk.setup.check import check_workspace

ZENDESK = '[connectors.zendesk]\nsubdomain = "acme"\ntoken = "zendesk"\n'
CONNECTION = (
    '[connections.zendesk]\ngrant = "client_credentials"\nclient_id = "x"\n'
    'client_secret = "env:STRIPE_KEY"\ntoken_endpoint = "https://acme.zendesk.com/oauth/tokens"\n'
)


@pytest.mark.parametrize(
    ("desk", "said"),
    [
        ("[desk.zendesk]\n", ""),
        ("[desk.zendesk]\nhand_over = { group = 42 }\n", ""),
        ("[desk.zendesk]\nhand_over = { gruop = 42 }\n", "takes no `gruop`"),
        ('[desk.chat]\nconnector = "thread"\nhand_over = { team = "x" }\n', ""),
        ("[desk.post]\n", "post"),
        ('[desk.x]\nconnector = "stripe"\n', "is no desk"),
        ('[desk.zendesk]\ncustomers = "nobody"\n', "nobody"),
        ('[desk.zendesk]\nsecret = "env:NOT_THERE"\n', "NOT_THERE"),
    ],
)
async def test_each_mistake_of_a_desk_is_told(tmp_path: Path, desk: str, said: str) -> None:
    """A connector that is none, or no desk; what its hand-over does not take; a missing secret."""
    make_workspace(tmp_path, more=f"{ZENDESK}\n{CONNECTION}\n{desk}")
    _, problems = await check_workspace(tmp_path, ENVIRONMENT)
    told = [one.message for one in problems if one.place.startswith("[desk.")]
    assert (said in told[0]) if said else told == []
