"""Whether pushes can leave: the keys, what encrypts, the address browsers need, who has one."""

from __future__ import annotations

from sayso.errors import SaysoError
from sayso.sdk.chat.finding import DoctorFinding
from sayso.sdk.client import Sayso
from sayso.sdk.push.settings import PAGE, check_extra


async def examine(sayso: Sayso) -> list[DoctorFinding]:
    """Look at all of it; no push service is asked."""
    try:
        settings = sayso.browsers.settings
    except SaysoError as error:
        return [_problem("keys", error)]
    if settings is None:
        said = "sayso.toml has no `[channels.push]`"
        return [DoctorFinding(what="keys", said=said, next_step=f"add it as {PAGE} shows")]
    found = [DoctorFinding(what="keys", said=f"{len(settings.keys)} of the curve P-256")]
    try:
        check_extra()
        found.append(DoctorFinding(what="extra", said="what encrypts a push is installed"))
    except SaysoError as error:
        found.append(_problem("extra", error))
    url = sayso.workspace.settings.console.url
    if url.startswith("https://"):
        found.append(DoctorFinding(what="address", said=f"browsers open {url}"))
    else:
        said = "no https address, so only browsers on this machine can be told"
        step = "set `[console] url`, behind a proxy that speaks TLS"
        found.append(DoctorFinding(what="address", said=said, next_step=step))
    browsers = await sayso.browsers.list()
    lost = sum(settings.key(one.key) is None for one in browsers)
    said = f"{len(browsers)}, of {len({one.person for one in browsers})} people"
    step = ""
    if lost:
        said += f"; {lost} were turned on with a key that is not here"
        step = "name it in `older_keys`, or have them turned on again"
    return [*found, DoctorFinding(what="browsers", said=said, next_step=step)]


def _problem(what: str, error: SaysoError) -> DoctorFinding:
    return DoctorFinding(what=what, said=error.message, next_step=error.next_step)
