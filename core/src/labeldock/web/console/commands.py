"""The commands that empty pages tell people to type, with what is installed here."""

from __future__ import annotations

import shlex
from typing import Final

from labeldock.contract.options import secret_fields
from labeldock.contract.values import Purpose
from labeldock.host.binding import BoundProvider
from labeldock.host.catalog import Catalog
from labeldock.host.references import select_model

CREATE_USER: Final = "labeldock user create --email you@example.org --admin"
INSTALL_PROVIDER: Final = "pip install labeldock-local"
_FLAGS: Final = {Purpose.IMPORT: "--blob --recursive", Purpose.EXPORT: "--export"}


def build_create_command(email: str) -> str:
    """How somebody makes a project of their own."""
    return f'labeldock project create --title "My project" --email {shlex.quote(email)}'


def build_add_command(catalog: Catalog, project_id: int, purpose: Purpose) -> str:
    """How to connect a storage: with the installed provider that asks for least."""
    if not catalog.providers:
        return INSTALL_PROVIDER

    def count_secrets(bound: BoundProvider) -> int:
        return len(secret_fields(select_model(bound, purpose)))

    bound = min(catalog.providers, key=count_secrets)
    words = ["labeldock storage add", bound.info.name, f"--project {project_id}"]
    return " ".join([*words, _FLAGS[purpose], *_list_options(bound, purpose)])


def _list_options(bound: BoundProvider, purpose: Purpose) -> list[str]:
    """The settings without which the provider cannot do."""
    model = select_model(bound, purpose)
    secrets = secret_fields(model)
    options = []
    for name, field in model.model_fields.items():
        if field.is_required() and name in secrets:
            options.append(f"--set {name}=@env:{name.upper()}")
        elif field.is_required():
            example = str((field.examples or [name.upper()])[0])
            options.append(f"--{name.replace('_', '-')} {shlex.quote(example)}")
    return options
