"""The plug-ins of this installation, those that cannot be used with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from labeldock.host.binding import BoundProvider
from labeldock.host.entries import CatalogEntry
from labeldock.web.console.rendering import render_page
from labeldock.web.console.shell import Crumb, load_shell
from labeldock.web.endpoints import Call, build_route
from labeldock.web.operations import Need, page

_TONES: Final = {"loaded": "good", "disabled": "idle"}


@dataclass(frozen=True, slots=True)
class PluginLine:
    """A plug-in, and the provider that it brings, if it brings one."""

    entry: CatalogEntry
    tone: str
    kind: str
    title: str
    can: tuple[str, ...]


def list_routes() -> list[Route]:
    """The routes of this module."""
    return [build_route("/system/plugins/", GET=show_plugins)]


@page(Need.LOGIN)
def show_plugins(call: Call) -> Response:
    """Every plug-in that is installed."""
    bound = {each.info.name: each for each in call.app.catalog.providers}
    lines = [_view(entry, bound.get(entry.name)) for entry in call.app.catalog.entries]
    shell = load_shell(call.request, [Crumb("Projects", "/"), Crumb("Plug-ins")])
    return render_page(call.request, "plugins.html", {"lines": lines}, shell=shell)


def _view(entry: CatalogEntry, bound: BoundProvider | None) -> PluginLine:
    is_provider = entry.group.endswith(".providers")
    return PluginLine(
        entry=entry,
        tone=_TONES.get(entry.status, "bad"),
        kind="Storage provider" if is_provider else "Wrapper or observer",
        title=bound.info.title if bound and is_provider else entry.name,
        can=_list_abilities(bound) if bound and is_provider else (),
    )


def _list_abilities(bound: BoundProvider) -> tuple[str, ...]:
    can = bound.info.capabilities
    known = (
        (can.ordered, "listings in order"),
        (can.seekable, "listings from any key"),
        (can.conditional_write, "conditional writes"),
        (can.conditional_delete, "conditional deletions"),
        (bound.info.signing.value != "none", "signed links"),
    )
    return tuple(words for has, words in known if has)
