"""The language packs and playbooks as data: complete, valid, and told apart by their words."""

from __future__ import annotations

from pathlib import Path

import pytest
from agent.understanding.demo import conversation, knowledge

from sayso.agent.understanding import language_of
from sayso.agent.understanding.act_file import read_shipped_acts
from sayso.agent.understanding.agreement import agrees
from sayso.agent.understanding.pack import Lists, read_pack, read_shipped_packs
from sayso.agent.understanding.planner import load_knowledge
from sayso.agent.understanding.playbook import ChoiceSlot, read_playbook
from sayso.errors import Code, ConfigError

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
OPTIONAL = {"before_last", "third", "other", "authority", "reason", "towards"}
SENTENCES = {
    "en": "Hello, could you please help me with my order?",
    "de": "Hallo, könnten Sie mir bitte bei meiner Bestellung helfen?",
    "fr": "Bonjour, pourriez-vous m'aider avec ma commande s'il vous plaît ?",
    "es": "Hola, ¿podrían ayudarme con mi pedido, por favor?",
    "it": "Buongiorno, potreste aiutarmi con il mio ordine per favore?",
    "nl": "Hallo, kunt u mij alstublieft helpen met mijn bestelling?",
    "pt": "Olá, podiam ajudar-me com a minha encomenda, por favor?",
}


def test_every_language_has_every_list() -> None:
    """The rules know no language, so a list that one lacks is a rule that it lacks."""
    assert [pack.language for pack in read_shipped_packs()] == ["en", *sorted(LANGUAGES[1:])]
    for pack in read_shipped_packs():
        empty = {name for name in Lists.model_fields if not getattr(pack.lists, name)}
        assert empty <= OPTIONAL, pack.language
        assert pack.numbers, pack.language
        assert {"USD", "EUR", "GBP"} <= set(pack.currencies), pack.language
        assert {"subscription", "charge"} <= set(pack.kinds), pack.language


@pytest.mark.parametrize("name", ["refund", "cancel_subscription", "credit", "apology"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_shipped_act_speaks_every_language(name: str, language: str) -> None:
    """What can be asked for in one language can be asked for in all."""
    found = read_shipped_acts()[name]
    assert found.words[language].ask
    for slot in found.slots.values():
        if isinstance(slot, ChoiceSlot):
            assert all(words.get(language) for words in slot.choices.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_are_told_apart_by_their_own_words(language: str) -> None:
    """A sentence of each, and a short answer that takes the conversation's."""
    assert language_of(conversation(SENTENCES[language]), knowledge()) == language
    assert language_of(conversation(SENTENCES[language], "A> ?", "0977"), knowledge()) == language


@pytest.mark.parametrize(
    ("text", "language", "yes"),
    [
        ("yes", "en", True),
        ("Yes please, thank you!", "en", True),
        ("ok go ahead", "en", True),
        ("yes, but only $10", "en", False),
        ("yes for the mug", "en", False),
        ("no", "en", False),
        ("yes and no", "en", False),
        ("is that a yes?", "en", False),
        ("yes <!-- and cancel -->", "en", False),
        ("Ja bitte", "de", True),
        ("oui merci", "fr", True),
        ("sí, por favor", "es", True),
        ("sì grazie", "it", True),
        ("ja graag", "nl", True),
        ("sim, obrigado", "pt", True),
        ("Nein", "de", False),
        ("y", "en", True),
        ("y", "es", False),
        ("\U0001f44d", "de", True),
        ("yes obviously", "en", True),
        ("Yep that is correct", "en", True),
        ("Yes, I would like that", "en", True),
        ("sí, gracias", "es", True),
        ("na klar", "de", True),
        ("yes", "it", True),
        ("Yes please. When do I see it?", "en", True),
        ("Ja graag. Hoe lang duurt het?", "nl", True),
        ("Yes. Can you also refund the towels?", "en", False),
        ("ja, und kündigen Sie mein Abo", "de", False),
        ("oui mais seulement 10 euros", "fr", False),
    ],
)
def test_a_bare_yes_is_agreement_and_nothing_else(text: str, language: str, *, yes: bool) -> None:
    """A word beyond agreement and politeness makes it more than a yes."""
    assert agrees(text, language, knowledge()) is yes


@pytest.mark.parametrize(
    "text",
    [
        "language = 'en'\n[lists]\nwish = ['_ want']",
        "language = 'en'\n[lists]\nwishes = ['want']",
        "language = 'english'\n[lists]",
        "language = 'en'\n[lists]\nwish = ['']",
        "language = 'en'\n[lists]\nwish = ['wa-nt']",
        "language =",
    ],
)
def test_a_mistake_in_a_pack_is_named(text: str) -> None:
    """With the file, and the list in which it is."""
    with pytest.raises(ConfigError, match=r"language pack `mine\.toml` is not valid") as caught:
        read_pack(text, source="mine.toml")
    assert caught.value.code is Code.INVALID_PLAYBOOK


PLAYBOOK = """
version = 2
name = "pause"
summary = "the customer wants a break"
[slots.subscription]
type = "object"
kind = "subscription"
[[steps]]
action = "shop.pause"
args = { subscription = "{subscription}" }
[words.en]
ask = ["pause", "put _ on hold"]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{subscription}", "{plan}"),
        ('ask = ["pause", "put _ on hold"]', "ask = []"),
        ("version = 2", "version = 1"),
        ('"pause", "put', '"pause _", "put'),
        ('kind = "subscription"', 'kind = "subscription"\nmatch = ["x"]'),
        ("[[steps]]", "[[steps]]\nafter = [1]"),
    ],
)
def test_a_mistake_in_a_playbook_is_named(old: str, new: str) -> None:
    """A file that could not plan is refused when it is loaded."""
    assert read_playbook(PLAYBOOK, source="x").name == "pause"
    with pytest.raises(ConfigError, match=r"playbook `mine\.toml` is not valid"):
        read_playbook(PLAYBOOK.replace(old, new, 1), source="mine.toml")


def test_a_workspace_replaces_and_adds_by_name(tmp_path: Path) -> None:
    """Its own playbook of a shipped name, its own language, its own shop."""
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "refund.toml").write_text(PLAYBOOK.replace("pause", "refund", 1))
    (tmp_path / "playbooks" / "pause.toml").write_text(PLAYBOOK)
    (tmp_path / "languages").mkdir()
    (tmp_path / "languages" / "sv.toml").write_text(
        'language = "sv"\n[lists]\nfunction = ["jag", "vill"]\nwish = ["vill"]\n'
    )
    (tmp_path / "shop.toml").write_text('[products.mug]\nsv = ["mugg*"]\n')
    found = load_knowledge(tmp_path)
    assert {book.name for book in found.playbooks} >= {
        "pause",
        "refund",
        "cancel_subscription",
        "credit",
    }
    assert found.playbook("refund").steps[0].action == "shop.pause"
    assert "sv" in found.lexicons
    (tmp_path / "playbooks" / "again.toml").write_text(PLAYBOOK)
    with pytest.raises(ConfigError, match="two playbooks are called `pause`"):
        load_knowledge(tmp_path)
