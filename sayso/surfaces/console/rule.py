"""A file of the policy, written in the page: what the change does stands above the button."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from starlette.responses import Response

from sayso.actions.policy.reading import is_test
from sayso.errors import Code, ConfigError, RefusedError
from sayso.nesting import read_toml
from sayso.sdk.resources.analysis import ChangeView, PolicyTestView, RowFindingView
from sayso.sdk.resources.backtesting import BacktestView
from sayso.sdk.resources.policy import PolicyTextView
from sayso.surfaces.console import backtest
from sayso.surfaces.console.edge import Form, read_form
from sayso.surfaces.console.rule_rows import HOW_WORDS, SORTS, rows_of_page, written
from sayso.surfaces.console.visit import Visit
from sayso.text import pieces

_DAYS = 30
_SORTS = ("allow", "ask", "never", "limit", "dial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a draft does.

    Attributes:
        diff: against what is in force, as lines. failed: the tests that it does not pass.
        also: what else would come into force: settings, or files that nobody can write here.
        findings: what stands in the file in vain.
        stale: rows whose sentence is still the one of before. played: None while it is played.
        two: whether a second person has to sign. alone: nobody else could.
    """

    sha256: str
    diff: tuple[str, ...]
    also: tuple[str, ...]
    change: ChangeView
    findings: tuple[RowFindingView, ...]
    tests: int
    failed: tuple[PolicyTestView, ...]
    stale: tuple[str, ...]
    played: BacktestView | None
    count: int
    two: bool
    alone: bool

    @property
    def may_be_signed(self) -> bool:
        """Whether nothing stands against it, and all was shown."""
        return not self.failed and not self.stale and self.played is not None and bool(self.diff)


async def show_rule(visit: Visit) -> Response:
    """The page of a file: `?file=`; nothing is changed by looking at it."""
    text = await _in_force(visit)
    file = visit.request.query_params.get("file", "")
    content = await _content_of(visit, text, file)
    return await _page(visit, text, file, content, opened=None if file in text.files else "")


async def look(visit: Visit) -> Response:
    """Say what the written text would do; or sign exactly what was shown."""
    form = await read_form(visit.request)
    text, file = await _in_force(visit), form.one("file")
    await _content_of(visit, text, file)
    note = form.one("note").strip()[:200]
    _check_seen(text, form)
    sent = form.one("content").replace("\r\n", "\n")
    content, opened = await written(visit, form, sent)
    if _hides(content):
        return await _page(visit, text, file, content, note=note, status=422)
    if opened is not None:
        return await _page(visit, text, file, content, note=note, opened=opened)
    given = _given(visit, text, file, content)
    try:
        looked = await _looked(visit, text, given, file, content)
    except ConfigError as error:
        row = form.one("was") if form.one("do") == "row" else None
        return await _page(
            visit, text, file, content, note=note, error=error, opened=row, status=422
        )
    sha256 = form.one("sha256")
    if form.one("do") != "sign" or looked.sha256 != sha256 or not looked.may_be_signed:
        changed = bool(sha256) and looked.sha256 != sha256
        return await _page(visit, text, file, content, note=note, looked=looked, changed=changed)
    done = await visit.sayso.policy.activate_as(
        visit.session.token,
        note=note or f"{file}, written in the console",
        sha256=sha256,
        given=given,
        second=looked.two,
        via="console",
    )
    return visit.see(f"policy?moved={'waits' if done.waits is not None else 'now'}")


async def _in_force(visit: Visit) -> PolicyTextView:
    text = await visit.sayso.policy.in_force()
    if text is None:
        raise RefusedError(
            Code.NOT_FOUND,
            "no policy is in force yet",
            next_step="put the first one in force: `sayso policy activate`",
        )
    return text


async def _content_of(visit: Visit, text: PolicyTextView, file: str) -> str:
    """The text of a file in force, or what a new table of an action begins with.

    Raises:
        RefusedError: `not_found`.
    """
    if file in text.files:
        return text.files[file]
    action = (await new_tables(visit, text)).get(file)
    if action is None:
        raise RefusedError(
            Code.NOT_FOUND,
            f"the policy has no file `{file[:60]}`",
            next_step=f"choose one of {', '.join(sorted(text.files))}",
        )
    return f'action   = "{action}"\ncurrency = "USD"\n'


async def new_tables(visit: Visit, text: PolicyTextView) -> dict[str, str]:
    """Each action that has no table, by the name of the file that it would get."""
    have = {
        read_toml(said).get("action") for name, said in text.files.items() if name.endswith(".toml")
    }
    types = await visit.sayso.actions.types()
    named = {
        f"policies/{re.sub('[^a-z0-9]+', '-', one.name)}.toml": one.name
        for one in types.items
        if one.name not in have
    }
    return {file: name for file, name in named.items() if file not in text.files}


def _check_seen(text: PolicyTextView, form: Form) -> None:
    """Refuse what was written over another version than the one in force.

    Raises:
        RefusedError: `version_moved`.
    """
    if form.one("version") != str(text.version.version):
        raise RefusedError(
            Code.VERSION_MOVED,
            f"version {text.version.version} came into force since you opened the page",
            next_step="go back and copy what you wrote, then open the page once more",
        )


def _given(visit: Visit, text: PolicyTextView, file: str, content: str) -> dict[str, str]:
    """The draft: what is in force, with this file as it is written; what lies on disk is not it."""
    known = visit.sayso.workspace.policy_texts()
    gone = {name: "" for name in known if name not in text.files and not is_test(name)}
    own = {name: said for name, said in text.files.items() if name in known or "/" in name}
    return {**gone, **own, file: content}


async def _looked(
    visit: Visit, text: PolicyTextView, given: Mapping[str, str], file: str, content: str
) -> Looked:
    sayso = visit.sayso
    draft = await sayso.policy.draft(given)
    change = await sayso.analysis.compare(given)
    tests = await sayso.analysis.test(given)
    findings = await sayso.analysis.check(given)
    runs: backtest.Backtests = visit.request.app.state.backtests
    of, in_force = f"draft:{draft.sha256}", text.version.version
    playing = await runs.play(sayso, of, _DAYS, in_force, given=given)
    done = playing.task is not None and not playing.is_under_way
    others = await _others(visit, text)
    looser = change.direction == "looser"
    return Looked(
        sha256=draft.sha256,
        diff=tuple(draft.text_diff.splitlines()[:600]),
        also=tuple(one for one in draft.changed if one != file),
        change=change,
        findings=tuple(one for one in findings if one.file == file),
        tests=len(tests),
        failed=tuple(one for one in tests if not one.passed),
        stale=tuple(_stale(file, text.files.get(file, ""), content)),
        played=playing.task.result() if playing.task is not None and done else None,
        count=playing.count,
        two=looser and (others or text.loosening_needs > 1),
        alone=looser and not others,
    )


async def _others(visit: Visit, text: PolicyTextView) -> bool:
    """Whether somebody else than who looks could be the second one."""
    people = await visit.sayso.people.list(visit.sayso.tenant)
    confirm = set(text.confirm)
    return any(one.active and one.id != visit.person.id and one.roles & confirm for one in people)


def _stale(file: str, before: str, after: str) -> Iterator[str]:
    """Rows of which something was changed, and whose sentence is their former author's."""
    if not file.endswith(".toml"):
        return
    was, now = _rows(before), _rows(after)
    for name, row in now.items():
        old = was.get(name)
        if old is not None and old != row and row.get("say") == old.get("say"):
            yield name


def _rows(content: str) -> dict[str, Mapping[str, object]]:
    read = read_toml(content)
    return {str(row["id"]): row for sort in _SORTS for row in read.get(sort, ()) if "id" in row}


def _hides(content: str) -> bool:
    """Whether it has characters that nobody sees, so that nobody knows what they would sign."""
    return any(one.kind == "hidden" for one in pieces(content))


async def _page(
    visit: Visit,
    text: PolicyTextView,
    file: str,
    content: str,
    *,
    note: str = "",
    looked: Looked | None = None,
    error: ConfigError | None = None,
    changed: bool = False,
    opened: str | None = None,
    status: int = 200,
) -> Response:
    played = None if looked is None else looked.played
    return visit.show(
        "rule.html",
        visit.page(f"Write {file}", "policy"),
        status=status,
        text=text,
        file=file,
        content=content,
        table=await rows_of_page(visit, content, opened, text.roles),
        sorts=SORTS,
        hows=HOW_WORDS,
        hides=_hides(content),
        note=note,
        looked=looked,
        error=error,
        changed=changed,
        days=_DAYS,
        title="" if played is None else backtest.headline(played),
        rows=() if played is None else backtest.rows_of(played),
    )
