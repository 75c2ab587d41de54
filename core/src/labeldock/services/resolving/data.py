"""Task data with the URIs of the project's storages replaced by media URLs.

Only what is shown is resolved: what is stored, exported and sent back keeps its URIs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from labeldock.services.context import AppContext
from labeldock.services.resolving.fileuri import render_media_url
from labeldock.services.resolving.label_config import find_first_data_key
from labeldock.services.resolving.storages import MediaSources, Origin, load_sources
from labeldock.services.resolving.uris import find_uris, replace_uris
from labeldock.services.tasks import UNDEFINED_KEY, TaskView


def resolve_task_data(app: AppContext, label_config: str, task: TaskView) -> Any:
    """A copy of a task's data in which every URI can be fetched by a browser."""
    return load_resolver(app, task.project_id, label_config).resolve(task)


def load_resolver(app: AppContext, project_id: int, label_config: str) -> Resolver:
    """What resolves many tasks of one project, with one look at its storages."""
    with app.database.read() as session:
        sources = load_sources(app.catalog, session, project_id)
    return Resolver(sources, label_config, app.settings.public_url)


@dataclass(frozen=True, slots=True)
class Resolver:
    """Resolves the data of tasks of one project."""

    sources: MediaSources
    label_config: str
    public_url: str

    def resolve(self, task: TaskView) -> Any:  # whatever JSON knows, as in the task
        """A copy of the task's data, resolved."""
        origin = Origin(task.storage_id, task.key, task.slot_id)

        def link(uri: str) -> str | None:
            if self.sources.find(uri, origin.storage_id) is None:
                return None
            return render_media_url(self.public_url, task.id, uri)

        def change(text: str) -> str:
            # The key of the task's own object may hold line breaks, quotes and further
            # URIs, so no reading of the text could tell it from prose.
            if self.sources.is_origin(text, origin):
                return link(text) or text
            return replace_uris(text, self.sources.schemes, link)

        data = map_texts(task.data, change)
        return name_undefined_key(data, self.label_config)


def list_references(sources: MediaSources, data: Any) -> frozenset[str]:
    """The URIs in a task's data that could be of the project's storages."""
    found: set[str] = set()

    def note(text: str) -> str:
        found.update(each.uri for each in find_uris(text, sources.schemes))
        return text

    map_texts(data, note)
    return frozenset(found)


def name_undefined_key(data: Any, label_config: str) -> Any:  # as in resolve
    """The data with `$undefined$` called as the label config calls its first value."""
    if not isinstance(data, dict) or UNDEFINED_KEY not in data:
        return data
    name = find_first_data_key(label_config)
    if name is None or name in data:
        return data
    return {name if key == UNDEFINED_KEY else key: data[key] for key in data}


def map_texts(data: Any, change: Callable[[str], str]) -> Any:  # as in resolve
    """A deep copy with every text (not the keys) changed; any depth of nesting."""
    root = [data]
    pending: list[Any] = [root]
    while pending:
        container = pending.pop()
        for place, item in _list_items(container):
            if isinstance(item, str):
                container[place] = change(item)
            elif isinstance(item, dict | list):
                container[place] = item.copy()
                pending.append(container[place])
    return root[0]


def _list_items(container: Any) -> Iterable[tuple[Any, Any]]:  # a dict or a list
    return container.items() if isinstance(container, dict) else enumerate(container)
