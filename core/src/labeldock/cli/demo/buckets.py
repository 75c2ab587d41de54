"""A bucket for the demo: found by its URI, and filled with the samples.

Which provider it is, the URI's scheme says; the bucket's name is the one setting that
the provider cannot do without.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from labeldock.cli.demo.samples import list_samples
from labeldock.cli.demo.setup import DemoStorage
from labeldock.cli.settings_input import collect_settings
from labeldock.contract.errors import InvalidInput, UnknownProvider
from labeldock.contract.values import (
    BytesContent,
    ListQuery,
    Purpose,
    WriteRequest,
)
from labeldock.host.binding import BoundProvider
from labeldock.host.catalog import Catalog
from labeldock.host.references import select_model, validate_options
from labeldock.services.connections import Connection, build_connection
from labeldock.services.context import AppContext

_FIELD: Final = "--storage"
_REMEDY: Final = "Give it as SCHEME://BUCKET/PREFIX, e.g. s3://photos/demo."
_UNKNOWN_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A place in a bucket.

    Attributes:
        provider: whose it is.
        settings: as they were typed.
        base: what precedes a key in the URI of an object.
        prefix: of all keys of the demo; ends in "/" or is empty.
    """

    provider: BoundProvider
    settings: dict[str, Any]
    base: str
    prefix: str

    @property
    def uri(self) -> str:
        """The place itself."""
        return self.base + self.prefix

    def build_storage(
        self, title: str, folder: str, purpose: Purpose, *, is_media: bool = False
    ) -> DemoStorage:
        """A storage of a folder below the place."""
        prefix = f"{self.prefix}{folder}/"
        values = {**self.settings, "prefix": prefix}
        name = self.provider.info.name
        return DemoStorage(title, self.base + prefix, name, values, purpose, is_media)


def find_bucket(catalog: Catalog, uri: str, assignments: Sequence[str]) -> Bucket:
    """The bucket that a URI and `name=value` settings describe.

    Raises:
        InvalidInput: the URI, or a setting, is wrong.
        UnknownProvider: no provider has such URIs.
    """
    scheme, separator, rest = uri.partition("://")
    name, _, prefix = rest.partition("/")
    if not (scheme and separator and name):
        raise InvalidInput("This is no URI of a bucket.", field=_FIELD, remedy=_REMEDY)
    bound = _find_provider(catalog, scheme)
    model = select_model(bound, Purpose.EXPORT)
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    named = dict.fromkeys(needed[:1], name)
    settings = collect_settings(model, named, assignments, ())
    options = validate_options(bound, Purpose.EXPORT, settings, stored=False)
    base = options.base_uri()
    if base != f"{scheme}://{name}/":
        raise InvalidInput(
            f"With these settings the bucket's URI is {base}.",
            field=_FIELD,
            remedy="Give the settings that belong to the URI.",
        )
    folder = prefix.strip("/")
    return Bucket(bound, settings, base, f"{folder}/" if folder else "")


def _find_provider(catalog: Catalog, scheme: str) -> BoundProvider:
    found = catalog.by_scheme(scheme)
    if found:
        return found[0]
    known = sorted({s for each in catalog.providers for s in each.info.schemes})
    raise UnknownProvider(
        f"No installed provider has URIs that begin with {scheme[:40]}://; "
        f"known: {', '.join(known) or 'none'}.",
        field=_FIELD,
        remedy="Install the provider: pip install labeldock-NAME",
    )


def upload_samples(app: AppContext, bucket: Bucket) -> int:
    """Put the samples into the bucket that are not there yet; says how many.

    Raises:
        StorageError: the bucket cannot be listed, or written to.
    """
    options = validate_options(
        bucket.provider, Purpose.EXPORT, bucket.settings, stored=False
    )
    connection = build_connection(app, None, bucket.provider, Purpose.EXPORT, options)
    present = set(_list_keys(connection, bucket.prefix))
    count = 0
    for sample in list_samples(lambda path: f"{bucket.uri}{path}"):
        key = f"{bucket.prefix}{sample.path}"
        if key not in present:
            kind = mimetypes.guess_type(key)[0] or _UNKNOWN_TYPE
            request = WriteRequest(key, BytesContent(sample.build()), kind)
            connection.provider.save_annotation(connection.ref, request)
            count += 1
    return count


def _list_keys(connection: Connection, prefix: str) -> Iterator[str]:
    query = ListQuery(prefix)
    while True:
        page = connection.provider.list_objects(connection.ref, query)
        yield from (found.key for found in page.objects)
        if page.cursor is None:
            return
        query = ListQuery(prefix, cursor=page.cursor)
