"""Whether a storage can be connected as it is described: values, bucket, contents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from labeldock.contract.errors import InvalidInput, StorageError
from labeldock.contract.options import StorageOptions, secret_fields
from labeldock.contract.values import (
    Availability,
    Problem,
    Purpose,
    ValidateRequest,
    ValidationReport,
)
from labeldock.host.binding import BoundProvider
from labeldock.host.references import select_model, validate_options
from labeldock.services.connections import Connection
from labeldock.services.context import AppContext
from labeldock.services.exporting.plans import complete_fields
from labeldock.services.importing.preview import find_problem
from labeldock.services.storage_fields import (
    StorageDraft,
    join_prefix,
    split_values,
    validate_fields,
)


def validate_draft(
    app: AppContext, draft: StorageDraft
) -> tuple[dict[str, Any], StorageOptions, BoundProvider]:
    """The common fields, the provider's options and the provider itself.

    Raises:
        InvalidInput: a value is wrong.
        UnknownProvider, ProviderUnavailable: as they say.
    """
    bound = app.catalog.provider(draft.provider)
    common, own = split_values(draft.purpose, draft.values)
    fields = validate_fields(draft.purpose, common)
    given = {name: value for name, value in own.items() if value is not None}
    options = validate_options(bound, draft.purpose, given, stored=False)
    checked = fields.model_dump()
    if draft.purpose is Purpose.EXPORT:
        checked = complete_fields(app.settings, checked)
    return checked, options, bound


def refuse_empty_secrets(
    app: AppContext, provider: str, purpose: Purpose, changes: Mapping[str, Any]
) -> None:
    """Refuse to replace a stored secret by nothing.

    Raises:
        InvalidInput: a secret is given, and is empty.
    """
    names = secret_fields(select_model(app.catalog.provider(provider), purpose))
    empty = [name for name in names if name in changes and not changes[name]]
    if empty:
        remedy = "Leave the field out to keep the stored value."
        raise InvalidInput(
            "A secret cannot be replaced by nothing.",
            problems=[Problem(name, "May not be empty.", remedy) for name in empty],
        )


def check_connection(connection: Connection, fields: Mapping[str, Any]) -> None:
    """Refuse a storage that cannot be used, or of which nothing would be imported.

    Raises:
        InvalidInput: with what is wrong, field by field.
    """
    report = ask_connection(connection, fields, probe_write=False)
    if not report.is_ok:
        raise InvalidInput(
            f"The storage cannot be used as it is ({report.status.value}).",
            problems=report.problems,
        )


# Codes of problems that keep pages from something, and nobody from syncing.
_ADVICE: Final = frozenset({"cors", "cors_unchecked"})


def is_usable(report: ValidationReport) -> bool:
    """Whether a storage can be used, though there may be something to improve."""
    is_there = report.status is Availability.AVAILABLE
    return is_there and all(problem.code in _ADVICE for problem in report.problems)


def ask_connection(
    connection: Connection,
    fields: Mapping[str, Any],
    *,
    probe_write: bool,
    origin: str | None = None,
) -> ValidationReport:
    """What the provider says of a storage, and a look at what would be imported."""
    prefix = join_prefix(fields["prefix"], is_literal=fields["literal_prefix"])
    # Only what is presigned is read by pages from anywhere but from here.
    read_from = origin if fields.get("presign") else None
    request = ValidateRequest(prefix, probe_write, read_from)
    report = connection.provider.validate(connection.ref, request)
    if report.status is not Availability.AVAILABLE and not report.problems:
        problem = Problem(None, f"The storage is {report.status.value}.")
        return ValidationReport(report.status, (problem,))
    if is_usable(report) and connection.ref.purpose is Purpose.IMPORT:
        preview = _preview(connection, fields)
        return report if preview.is_ok else preview
    return report


def _preview(connection: Connection, fields: Mapping[str, Any]) -> ValidationReport:
    try:
        problem = find_problem(connection, fields)
    except StorageError as error:
        problem = Problem(error.field, error.message, error.remedy, error.code)
        return ValidationReport(Availability.UNREACHABLE, (problem,))
    return ValidationReport(Availability.AVAILABLE, (problem,) if problem else ())
