"""Parts of the docs that are made from code: `python tests/generated.py` writes them.

And the version, which stands in the root's pyproject.toml, in those of the other distributions and
in the client's for JavaScript.

A part stands between `<!-- made: NAME -->` and `<!-- end: NAME -->`. tests/test_docs.py compares,
so a page that fell behind fails.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import settings_table
from audit.columns import rows_of_attacks, rows_of_page
from audit.texts import rows_of_texts
from promises import PROMISES
from surfaces.cli.reference import rewrite
from surfaces.http.routes import rows_of_scopes

from sayso.actions.model.status import FINAL, START, TOLD, TRANSITIONS, Status
from sayso.audit.entry import EntryKind
from sayso.audit.rules.registry import REGISTRY, Free, Rule
from sayso.audit.verifier.replay import ASKED_BY_PEOPLE, request_status
from sayso.connectors.manifest.derive import derive
from sayso.connectors.manifest.review import Review, read_reviews, write_reviews
from sayso.connectors.manifest.schema import Manifest
from sayso.connectors.manifest.source import digest_of, read_source
from sayso.connectors.manifests import SHIPPED, manifest_names
from sayso.store.migrations import migration_steps, read_migrations

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def _promises() -> Iterator[str]:
    areas = groupby(sorted(PROMISES.items()), key=lambda item: item[0].partition(":")[0])
    yield "| promise | what holds | part of |"
    yield "|---|---|---|"
    for _, items in areas:
        for name, promise in items:
            yield f"| `{name}` | {promise.sentence} | {promise.invariants} |"


def _states() -> Iterator[str]:
    yield "| from | to | the entry that says so |"
    yield "|---|---|---|"
    for was, ways in TRANSITIONS.items():
        shown = "(new)" if was == START else f"`{was}`"
        if not ways:
            yield f"| {shown} | | final |"
        for to, kinds in ways.items():
            yield f"| {shown} | `{to}` | {', '.join(f'`{kind}`' for kind in kinds)} |"


def _diagram() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for was, ways in TRANSITIONS.items():
        start = "[*]" if was == START else str(was)
        yield from (f"    {start} --> {to}" for to in ways)
        if was != START and not ways:
            yield f"    {start} --> [*]"
    yield "```"


def _ends() -> Iterator[str]:
    yield f"- The engine leaves alone: {_listed(FINAL)}."
    yield f"- The customer can be told about: {_listed(TOLD)}."


def _rules() -> Iterator[str]:
    yield "| kind | judged by |"
    yield "|---|---|"
    for kind, rules in REGISTRY.items():
        if isinstance(rules, Free):
            yield f"| `{kind}` | nothing: {rules.reason} |"
            continue
        said = [_first_line(rule) for rule in rules.rules]
        yield f"| `{kind}` | {'; '.join(said) or 'nothing: it begins something'} |"


def _first_line(rule: Rule) -> str:
    line = (rule.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    return line[:1].lower() + line[1:]


def _kinds() -> Iterator[str]:
    for family in dict.fromkeys(kind.partition(".")[0] for kind in EntryKind):
        yield f"- {' '.join(f'`{kind}`' for kind in EntryKind if kind.startswith(f'{family}.'))}"


def _requests() -> Iterator[str]:
    yield "| kind | the request's status from it on |"
    yield "|---|---|"
    for kind in EntryKind:
        if kind.startswith("request."):
            status = request_status(kind, {})
            answered = request_status(kind, {"slot": ASKED_BY_PEOPLE})
            other = (
                "" if answered == status else f"; `{answered}` with `data.slot` `{ASKED_BY_PEOPLE}`"
            )
            yield f"| `{kind}` | `{status}`{other} |"


def _shipped() -> Iterator[str]:
    yield "| connector | action | guarantee | why |"
    yield "|---|---|---|---|"
    for name in manifest_names(Path("/nowhere")):
        path = SHIPPED / f"{name}.toml"
        for verb, action in read_source(path.read_bytes(), path.name).manifest.actions.items():
            found = derive(action, verified=True)
            asks = f"; a person always decides: {'; '.join(found.ask)}" if found.ask else ""
            kind = found.guarantee.sentence.partition(":")[0]
            yield f"| `{name}` | `{name}.{verb}` | {kind} | {'; '.join(found.reasons)}{asks} |"


def _people() -> Iterator[str]:
    """Who a customer is at each connector that ships; Stripe's and e-mail's are in Python."""
    yield "| connector | whose customers | read of them | ids of other systems | found by address |"
    yield "|---|---|---|---|---|"
    rows = {
        "email": "| `email` | those of `address_from` | nothing | none | no |",
        "stripe": "| `stripe` | its own | name, address (not verified), phone, since "
        "| `metadata.*` | yes |",
    }
    for name in manifest_names(Path("/nowhere")):
        path = SHIPPED / f"{name}.toml"
        rows[name] = _person(name, read_source(path.read_bytes(), path.name).manifest)
    yield from (rows[name] for name in sorted(rows))


def _person(name: str, manifest: Manifest) -> str:
    of, table = manifest.connection.subject.of, manifest.person
    whose = "its own" if of is None else f"those of `{of}`"
    if table is None:
        return f"| `{name}` | {whose} | nothing | none | no |"
    verified = "verified where it says so" if table.email_verified else "not verified"
    read = {
        "name": table.name,
        f"address ({verified})": table.email,
        "when it changed": table.address_changed,
        "phone": table.phone,
        "when that changed": table.phone_changed,
        "since": table.since,
    }
    told = ", ".join(words for words, way in read.items() if way is not None)
    ids = ", ".join(f"`{place}`" for place in table.ids) or "none"
    return f"| `{name}` | {whose} | {told} | {ids} | {'yes' if table.find else 'no'} |"


def _listing(folder: str) -> Callable[[], Iterator[str]]:
    """The pages of a folder by their titles, for readers who have no site around them."""

    def lines() -> Iterator[str]:
        for page in sorted((DOCS / folder).glob("*.md")):
            if page.stem != "index":
                title = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
                yield f"- [{title}]({page.name})"

    return lines


def _columns() -> Iterator[str]:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        for step in migration_steps(read_migrations("sqlite"), 0):
            database.executescript(step.sql)
        yield from rows_of_page(database)


def _listed(states: frozenset[Status]) -> str:
    return ", ".join(f"`{state}`" for state in Status if state in states)


PARTS: Mapping[tuple[str, str], Callable[[], Iterator[str]]] = {
    ("reference/promises.md", "promises"): _promises,
    ("explanation/life-of-an-action.md", "states"): _states,
    ("explanation/life-of-an-action.md", "diagram"): _diagram,
    ("explanation/life-of-an-action.md", "ends"): _ends,
    ("reference/audit-format.md", "kinds"): _kinds,
    ("reference/audit-format.md", "requests"): _requests,
    ("reference/audit-format.md", "states"): _states,
    ("reference/audit-format.md", "rules"): _rules,
    ("reference/audit-columns.md", "columns"): _columns,
    ("reference/audit-columns.md", "rows"): rows_of_attacks,
    ("reference/audit-columns.md", "texts"): rows_of_texts,
    ("reference/connectors.md", "shipped"): _shipped,
    ("reference/http-api.md", "scopes"): rows_of_scopes,
    ("reference/connectors.md", "people"): _people,
    ("reference/settings.md", "settings"): settings_table.lines,
    **{
        (f"{folder}/index.md", "pages"): _listing(folder)
        for folder in ("how-to", "reference", "explanation", "papers", "decisions")
    },
}
"""Which part of which page is made by what."""


def with_parts(page: str, text: str) -> str:
    """The page's text with its parts made anew.

    Raises:
        ValueError: the page has no place for a part.
    """
    for (name, part), make in PARTS.items():
        if name != page:
            continue
        place = rf"(?<=<!-- made: {part} -->\n).*?(?=<!-- end: {part} -->)"
        found = re.findall(place, text, flags=re.DOTALL)
        if len(found) != 1:
            raise ValueError(f"{page} has {len(found)} places for `{part}`")
        before, after = text.split(f"<!-- made: {part} -->\n{found[0]}")
        body = "\n".join(make())
        text = f"{before}<!-- made: {part} -->\n{body}\n{after}"
    return text


def pages() -> list[str]:
    """The pages that have made parts."""
    return sorted({page for page, _ in PARTS})


def review_shipped() -> None:
    """Say which bytes of the shipped manifests this tree has reviewed: those that stand in it."""
    was = read_reviews(SHIPPED)
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    reviews: dict[str, Review] = {}
    for name in manifest_names(Path("/nowhere")):
        digest = digest_of((SHIPPED / f"{name}.toml").read_bytes())
        fresh = Review(digest=digest, by="the Sayso project", at=now)
        reviews[name] = was[name] if name in was and was[name].digest == digest else fresh
    write_reviews(SHIPPED, reviews)


def write_version() -> None:
    """The root's, into the other distributions, which ask for each other in that version."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]
    for path in (ROOT / "pyproject.toml", *ROOT.glob("*/pyproject.toml")):
        text = path.read_text(encoding="utf-8")
        text = re.sub(
            r'^version = ".*"$', f'version = "{version}"', text, count=1, flags=re.MULTILINE
        )
        text = re.sub(r'"(sayso(?:-[a-z]+)?(?:\[[\w,-]+\])?)==[^"]*"', rf'"\1=={version}"', text)
        path.write_text(text, encoding="utf-8")
    for name in ("package.json", "package-lock.json"):
        client = ROOT / "clients" / "js" / name
        told = re.sub(
            r'("name": "sayso-client",\s+"version": ")[^"]*',
            rf"\g<1>{version}",
            client.read_text("utf-8"),
        )
        client.write_text(told, encoding="utf-8")


def main() -> None:
    """Write every made part."""
    review_shipped()
    write_version()
    for page in pages():
        path = DOCS / page
        path.write_text(with_parts(page, path.read_text(encoding="utf-8")), encoding="utf-8")
    rewrite()  # the commands' helps, which are a whole section of their page


if __name__ == "__main__":
    main()
