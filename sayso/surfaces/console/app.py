"""The console as one ASGI app over an open workspace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sayso.errors import IntegrityError, SaysoError, logged
from sayso.sdk.client import Sayso
from sayso.sdk.localization.languages import language
from sayso.sdk.progress.changes import StoreChanges
from sayso.surfaces.console import (
    account_link,
    action,
    answers,
    audit,
    backtest,
    bulk,
    canary,
    case,
    compose,
    connecting,
    customers,
    export,
    figures,
    inbox,
    install,
    me,
    passkeys,
    people,
    policy,
    question,
    repair,
    rollout,
    rule,
    seat,
    staff,
    stop,
    work,
)
from sayso.surfaces.console.edge import BACK_CHANNEL, ConsoleEdge, ConsoleSite, logger
from sayso.surfaces.console.live import Live
from sayso.surfaces.console.render import assets
from sayso.surfaces.console.sign_in import SignIn
from sayso.surfaces.console.visit import (
    Handler,
    Page,
    by_replica,
    nonce_of,
    root_of,
    show,
    times_of,
)

_FOR_GOOD = "public, max-age=31536000, immutable"


def create_console(sayso: Sayso, *, site: ConsoleSite | None = None) -> Starlette:
    """The console of an open workspace, to be mounted into a server, such as under `/console`.

    Args:
        sayso: open for as long as the app is used, in the same event loop.
        site: under which address it is opened; only on this machine unless said.
    """
    place = site or ConsoleSite()
    language(sayso.workspace.settings.console.language).make_ready()
    sign_in = SignIn(sayso=sayso, site=place)
    changes = StoreChanges(sayso.version)
    live = Live(sign_in=sign_in, changes=changes)

    def page(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        return partial(sign_in.visit, handler=handler)

    def look(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        return page(by_replica(handler))

    app = Starlette(
        routes=[
            Route("/static/{mark}/{name}", _static),
            Route(install.MANIFEST, install.show_manifest),
            Route(install.WORKER, install.show_worker),
            Route("/enter", sign_in.enter, methods=["GET", "POST"]),
            Route("/enter/start", sign_in.start),
            Route("/enter/callback", sign_in.finish),
            Route(BACK_CHANNEL, sign_in.hear, methods=["POST"]),
            Route("/me/link", page(sign_in.link)),
            Route("/leave", page(sign_in.leave), methods=["POST"]),
            Route("/live", live.stream),
            Route("/seat", page(seat.show_seat)),
            Route("/seat/judge", page(seat.judge), methods=["POST"]),
            Route("/seat/say", page(seat.say), methods=["POST"]),
            Route("/seat/live", live.stream),
            Route("/seat/open", page(sign_in.open_seat), methods=["GET", "POST"]),
            Route("/seat/enter", sign_in.enter_seat, methods=["POST"]),
            Route("/", page(inbox.show_inbox)),
            Route("/views", page(inbox.keep_view), methods=["POST"]),
            Route("/solution/{id}", page(canary.show)),
            Route("/solution/{id}/smaller", page(canary.show_smaller)),
            Route("/solution/{id}/decision", page(canary.decide), methods=["POST"]),
            Route("/solution/{id}/take-back", page(answers.take_back), methods=["POST"]),
            Route("/solution/{id}/give", page(work.give), methods=["POST"]),
            Route("/solution/{id}/note", page(work.note_down), methods=["POST"]),
            Route("/together", page(bulk.show_bulk)),
            Route("/together", page(bulk.answer_bulk), methods=["POST"]),
            Route("/action/{id}", page(action.show_action)),
            Route("/action/{id}/settle", page(action.settle), methods=["POST"]),
            Route("/action/{id}/wrong", page(rollout.report_wrong), methods=["POST"]),
            Route("/action/{id}/evidence", look(export.evidence), methods=["POST"]),
            Route("/action/{id}/receipt", look(export.receipt), methods=["POST"]),
            Route("/request/{id}", page(action.show_request)),
            Route("/request/{id}/vouch", page(customers.vouch), methods=["POST"]),
            Route("/work/{id}", page(work.show_work)),
            Route("/work/{id}", page(work.say), methods=["POST"]),
            Route("/compose", page(compose.show_compose)),
            Route("/compose", page(compose.look), methods=["POST"]),
            Route("/compose/propose", page(compose.propose), methods=["POST"]),
            Route("/customers", page(customers.show_search)),
            Route("/customers", page(customers.search), methods=["POST"]),
            Route("/customer/{id}", page(customers.show_customer)),
            Route("/customer/{id}/link", page(customers.link), methods=["POST"]),
            Route("/customer/{id}/unlink", page(customers.unlink), methods=["POST"]),
            Route("/audit", look(audit.show_audit)),
            Route("/audit/cases", look(case.find), methods=["POST"]),
            Route("/audit/case/{id}", look(case.show_case)),
            Route("/audit/questions/{name}", look(question.show_question)),
            Route("/audit/saved", page(audit.save), methods=["POST"]),
            Route("/audit/export", look(export.export), methods=["POST"]),
            Route("/audit/repair", page(repair.show_repair)),
            Route("/audit/repair", page(repair.say_yes), methods=["POST"]),
            Route("/audit/accept", page(repair.accept), methods=["POST"]),
            Route("/figures", look(figures.show_figures)),
            Route("/figures/csv", look(figures.show_csv)),
            Route("/figures/mail", page(figures.send), methods=["POST"]),
            Route("/policy", page(policy.show_policy)),
            Route("/policy/rule", page(rule.show_rule)),
            Route("/policy/rule", page(rule.look), methods=["POST"]),
            Route("/policy/backtest", page(backtest.show_backtest)),
            Route("/policy/dial", page(rollout.move_dial), methods=["POST"]),
            Route("/policy/limit", page(rollout.set_limit), methods=["POST"]),
            Route("/policy/rollback", page(rollout.go_back), methods=["POST"]),
            Route("/policy/change/{id}", page(rollout.answer_change), methods=["POST"]),
            Route("/people", page(people.show_people)),
            Route("/people/person", page(staff.change), methods=["POST"]),
            Route("/people/change/{offer}", page(staff.show_change)),
            Route("/people/change/{offer}", page(staff.agree), methods=["POST"]),
            Route("/people/token", page(staff.token), methods=["POST"]),
            Route("/people/connect", page(connecting.begin), methods=["POST"]),
            Route("/people/connected", page(connecting.come_back)),
            Route("/people/connected", page(connecting.finish), methods=["POST"]),
            Route("/people/passkey", page(passkeys.enrol), methods=["POST"]),
            Route("/people/passkey/confirm", page(passkeys.confirm), methods=["POST"]),
            Route("/people/passkey/remove", page(passkeys.remove), methods=["POST"]),
            Route("/people/passkey/loosen", page(passkeys.loosen), methods=["POST"]),
            Route("/account/{offer}", page(account_link.show_link)),
            Route("/account/{offer}", page(account_link.link), methods=["POST"]),
            Route("/stop", page(stop.show_stop)),
            Route("/stop", page(stop.engage), methods=["POST"]),
            Route("/stop/{id}/resume", page(stop.resume), methods=["POST"]),
            Route("/me", page(me.show_me)),
            Route("/me", page(me.say), methods=["POST"]),
        ],
        middleware=[Middleware(ConsoleEdge, site=place)],
        exception_handlers={404: _missing, SaysoError: _trouble},
    )
    app.state.backtests = backtest.Backtests()
    app.state.once = staff.Once()
    app.state.connecting = connecting.Connecting()
    app.state.changes = changes
    app.state.sayso = sayso
    return app


async def _static(request: Request) -> Response:
    asset = assets().get(request.path_params["name"])
    mark, name = request.path_params["mark"], request.path_params["name"]
    if asset is None or asset.path != f"/static/{mark}/{name}":
        return Response(status_code=404)
    return Response(asset.body, media_type=asset.media_type, headers={"Cache-Control": _FOR_GOOD})


def _note(request: Request, status: int, title: str, text: str) -> Response:
    sayso: Sayso = request.app.state.sayso
    page = Page(
        title=title, root=root_of(request), nonce=nonce_of(request), times=times_of(request, sayso)
    )
    note = {"kind": "no", "title": title, "text": text, "next_step": ""}
    return show("note.html", page, status=status, note=note)


def _missing(request: Request, error: Exception) -> Response:
    return _note(request, 404, "There is no such page", "Go back, or begin at the inbox.")


def _trouble(request: Request, error: Exception) -> Response:
    assert isinstance(error, SaysoError)
    logger.warning("a page could not be made: %s", logged(error))
    if isinstance(error, IntegrityError):
        title = "Something stored is not what the log says"
        return _note(request, 503, title, f"{error.message}. Ask sayso audit verify what it is.")
    return _note(
        request, 503, "That cannot be done now", "Nothing was changed. Try it again in a moment."
    )
