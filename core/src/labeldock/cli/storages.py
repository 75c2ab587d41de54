"""`labeldock storage`: connect, change, check, list and sync storages."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labeldock.cli import arguments as given
from labeldock.cli import storage_views
from labeldock.cli.arguments import (
    AsJson,
    AsUser,
    DryRun,
    OnlyNew,
    RetryFailed,
    StorageId,
    Waits,
)
from labeldock.cli.events import manage_events
from labeldock.cli.export_storages import (
    list_deliveries,
    retry_deliveries,
    verify_storage,
)
from labeldock.cli.operating import open_operation
from labeldock.cli.showing import print_json
from labeldock.cli.terminal_work import follow_run

if TYPE_CHECKING:
    from labeldock.cli.operating import Operation
    from labeldock.services.context import AppContext
    from labeldock.services.storage_fields import StorageDraft
    from labeldock.services.storages import StorageView

storage_commands = typer.Typer(
    no_args_is_help=True, help="Where media come from and annotations go to."
)
storage_commands.command("events")(manage_events)
storage_commands.command("deliveries")(list_deliveries)
storage_commands.command("retry")(retry_deliveries)
storage_commands.command("verify")(verify_storage)
OPEN = {"allow_extra_args": True, "ignore_unknown_options": True}


@storage_commands.command(
    "add",
    context_settings=OPEN,
    options_metavar="[OPTIONS] [PROVIDER'S OPTIONS]",
)
def add_storage(
    context: typer.Context,
    provider: Annotated[
        str, typer.Argument(metavar="PROVIDER", help="Its name, such as local.")
    ],
    project: given.ProjectId,
    export: Annotated[
        bool, typer.Option("--export", help="Annotations are written to it.")
    ] = False,
    title: given.Title = None,
    description: given.Description = None,
    prefix: given.Prefix = None,
    literal_prefix: given.LiteralPrefix = None,
    recursive: given.Recursive = None,
    regex: given.Regex = None,
    blob: given.Blob = None,
    on_change: given.OnChange = None,
    presign: given.Presign = None,
    presign_ttl: given.PresignTtl = None,
    synchronizable: given.Synchronizable = None,
    schedule: given.Schedule = None,
    can_delete: given.CanDelete = None,
    assignments: given.Assignments = None,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Connect a storage after checking it; nothing is saved if the check fails.

    The provider's own settings follow as options, e.g. --path /srv/media for local;
    `labeldock storage fields PROVIDER` lists them.
    """
    from labeldock.contract.values import Purpose
    from labeldock.services.storage_fields import StorageDraft

    common = {
        "title": title,
        "description": description,
        "prefix": prefix,
        "literal_prefix": literal_prefix,
        "recursive_scan": recursive,
        "regex_filter": regex,
        "use_blob_urls": blob,
        "on_change": on_change,
        "presign": presign,
        "presign_ttl": presign_ttl,
        "synchronizable": synchronizable,
        "schedule": schedule,
        "can_delete_objects": can_delete,
    }
    purpose = Purpose.EXPORT if export else Purpose.IMPORT
    typed = (common, assignments or (), context.args)
    with open_operation(as_user) as operation:
        values = _collect(operation.app, provider, purpose, typed)
        view = _connect(operation, StorageDraft(project, purpose, provider, values))
    _report(view, "Added", as_json)


def _connect(operation: Operation, draft: StorageDraft) -> StorageView:
    from labeldock.services import storages

    return storages.connect_storage(*operation, draft)


@storage_commands.command(
    "update",
    context_settings=OPEN,
    options_metavar="[OPTIONS] [PROVIDER'S OPTIONS]",
)
def update_storage(
    context: typer.Context,
    storage: StorageId,
    title: given.Title = None,
    description: given.Description = None,
    prefix: given.Prefix = None,
    literal_prefix: given.LiteralPrefix = None,
    recursive: given.Recursive = None,
    regex: given.Regex = None,
    blob: given.Blob = None,
    on_change: given.OnChange = None,
    presign: given.Presign = None,
    presign_ttl: given.PresignTtl = None,
    synchronizable: given.Synchronizable = None,
    schedule: given.Schedule = None,
    can_delete: given.CanDelete = None,
    assignments: given.Assignments = None,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given, after checking it; secrets left out are kept."""
    from labeldock.services import storages

    common = {
        "title": title,
        "description": description,
        "prefix": prefix,
        "literal_prefix": literal_prefix,
        "recursive_scan": recursive,
        "regex_filter": regex,
        "use_blob_urls": blob,
        "on_change": on_change,
        "presign": presign,
        "presign_ttl": presign_ttl,
        "synchronizable": synchronizable,
        "schedule": schedule,
        "can_delete_objects": can_delete,
    }
    typed = (common, assignments or (), context.args)
    with open_operation(as_user) as (app, principal):
        current = storages.find_storage(app, principal, storage)
        values = _collect(app, current.provider, current.purpose, typed)
        view = storages.update_storage(app, principal, storage, current.purpose, values)
    _report(view, "Updated", as_json)


def _collect(
    app: AppContext,
    provider: str,
    purpose: Any,  # Purpose, which is not imported for the sake of --help
    typed: tuple[dict[str, Any], Any, list[str]],
) -> dict[str, Any]:
    from labeldock.cli.settings_input import check_provider_name, collect_settings
    from labeldock.host.references import select_model

    check_provider_name(provider)
    model = select_model(app.catalog.provider(provider), purpose)
    return collect_settings(model, *typed)


def _report(view: StorageView, what: str, as_json: bool) -> None:
    if as_json:
        print_json(storage_views.dump_storage(view))
        return
    typer.echo(f"{what} {view.purpose.value} storage {view.id}: {view.base_uri}")
    if view.run is not None and view.run.state == "queued":
        typer.echo(f"Run {view.run.id} waits for a worker; to do it now:")
        typer.echo(f"  labeldock storage sync {view.id}")


@storage_commands.command("remove")
def remove_storage(
    storage: StorageId,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask, whatever it detaches.")
    ] = False,
    as_user: AsUser = None,
) -> None:
    """Disconnect a storage; its tasks and the objects in the bucket stay.

    If tasks were made from its objects, it says so first, and asks in a terminal.
    """
    from labeldock.services import storages
    from labeldock.services.slots.detaching import describe_removal

    with open_operation(as_user) as (app, principal):
        view = storages.find_storage(app, principal, storage)
        warning = describe_removal(app, principal, storage).warning
        if warning is not None:
            typer.echo(f"Warning: {warning}", err=True)
            if not yes and sys.stdin.isatty():
                typer.confirm("Remove it?", abort=True, err=True)
        storages.remove_storage(app, principal, storage, view.purpose)
    typer.echo(f"Removed storage {storage}; its tasks and its objects are kept.")


@storage_commands.command("validate")
def validate_storage(
    storage: StorageId,
    write: Annotated[
        bool,
        typer.Option("--write", help="Also write a small object and remove it again."),
    ] = False,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Check that a storage can be reached with its settings; exit code 1 if not."""
    from labeldock.services import storages
    from labeldock.services.storage_fields import StorageDraft

    with open_operation(as_user) as (app, principal):
        view = storages.find_storage(app, principal, storage)
        draft = StorageDraft(view.project_id, view.purpose, view.provider, {})
        report = storages.validate_storage(
            app, principal, draft, storage_id=storage, probe_write=write
        )
    if as_json:
        print_json(storage_views.dump_report(report))
    else:
        storage_views.print_report(view, report)
    if not report.is_ok:
        raise typer.Exit(1)


@storage_commands.command("list")
def list_storages(
    project: given.AnyProjectId = None, as_user: AsUser = None, as_json: AsJson = False
) -> None:
    """List storages with their status and what their last sync came to."""
    with open_operation(as_user) as operation:
        found = storage_views.list_storages(operation, project)
    if as_json:
        print_json([storage_views.dump_storage(view) for view in found])
    else:
        storage_views.print_storages(found)


@storage_commands.command("fields")
def list_fields(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="Its name.")],
    export: Annotated[
        bool, typer.Option("--export", help="The settings of an export storage.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the settings that a provider asks for."""
    from labeldock.cli.operating import load_terminal_settings
    from labeldock.contract.values import Purpose
    from labeldock.host.references import select_model
    from labeldock.services.context import load_providers

    bound = load_providers(load_terminal_settings()).provider(provider)
    purpose = Purpose.EXPORT if export else Purpose.IMPORT
    fields = storage_views.describe_fields(select_model(bound, purpose))
    if as_json:
        print_json(fields)
    else:
        storage_views.print_fields(fields)


@storage_commands.command("sync")
def sync_storage(
    storage: StorageId,
    wait: Waits = True,
    retry_failed: RetryFailed = False,
    only_new: OnlyNew = None,
    dry_run: DryRun = False,
    as_user: AsUser = None,
    as_json: AsJson = False,
) -> None:
    """Sync a storage: import what is new, or export what there is.

    The work is done in this terminal unless --no-wait leaves it to a worker. Ctrl-C
    leaves a run that goes on from where it is. The exit code is 0 if everything went
    well, and 1 if the run failed, was cancelled, or had errors with some objects.
    """
    from labeldock.services import dry_runs, storages

    with open_operation(as_user) as operation:
        app, principal = operation
        if dry_run:
            run = dry_runs.request_dry_run(app, principal, storage)
            follow_run(operation, run, wait=wait, as_json=as_json)
            return
        purpose = storages.find_storage(app, principal, storage).purpose
        view = storages.sync_storage(
            app,
            principal,
            storage,
            purpose,
            retry_failed=retry_failed,
            only_new=only_new,
        )
        assert view.run is not None
        follow_run(operation, view.run, wait=wait, as_json=as_json)
