"""The memory provider, with faults that a test writes into its script."""

from __future__ import annotations

import threading
from collections import Counter

from pydantic import Field, SecretStr

from labeldock.contract import ProviderInfo, Signing, hookimpl
from labeldock.testing.memory import MemoryOptions, MemoryProvider


class ScriptedOptions(MemoryOptions):
    """The memory provider's settings, and a secret that it has no use for."""

    password: SecretStr | None = Field(default=None, description="A secret.")
    level: int = Field(default=1, ge=0, description="A number.")


class ScriptedProvider(MemoryProvider):
    """Calls `before[operation]` with the request, `after[operation]` with the result.

    What `before` raises is raised; what `after` returns is returned. `calls` counts.
    """

    def __init__(self):
        super().__init__()
        self.before, self.after, self.calls = {}, {}, Counter()
        self._counting = threading.Lock()

    @hookimpl
    def describe(self) -> ProviderInfo:
        return ProviderInfo(
            name="memory",
            title="Memory",
            schemes=("memory",),
            import_options=ScriptedOptions,
            export_options=ScriptedOptions,
            aliases=("inmemory",),
            signing=Signing.NONE,
        )

    @hookimpl
    def validate(self, storage, request):
        return self._play("validate", storage, request)

    @hookimpl
    def list_objects(self, storage, query):
        return self._play("list_objects", storage, query)

    @hookimpl
    def get_data(self, storage, request):
        return self._play("get_data", storage, request)

    @hookimpl
    def save_annotation(self, storage, request):
        return self._play("save_annotation", storage, request)

    @hookimpl
    def delete_annotation(self, storage, request):
        return self._play("delete_annotation", storage, request)

    def _play(self, operation, storage, request):
        with self._counting:
            self.calls[operation] += 1
        if operation in self.before:
            self.before[operation](request)
        result = getattr(MemoryProvider, operation)(self, storage, request)
        if operation in self.after:
            return self.after[operation](result)
        return result


class FailAt:
    """A `before` that raises at certain calls, counted from 1; it has to fire."""

    def __init__(self, error, *numbers):
        self._error, self._numbers = error, set(numbers)
        self.count, self.fired = 0, 0
        self._lock = threading.Lock()

    def __call__(self, _request):
        with self._lock:
            self.count += 1
            is_due = self.count in self._numbers or not self._numbers
            self.fired += is_due
        if is_due:
            raise self._error
