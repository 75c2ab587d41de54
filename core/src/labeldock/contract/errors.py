"""Every error that Labeldock raises on purpose.

Two questions are answered by the type alone: *what happened* (`code`, which the web
layer turns into a status and the user into an action) and *whether trying again can
help* (`retryable`, which the job layer reads).

    LabeldockError                       .code .retryable .field .remedy .context
    ├── ConfigurationError               the operator's settings are wrong
    ├── RequestError                     what was asked for cannot be done
    │   ├── InvalidInput (ValueError)    .problems, one per field
    │   ├── NotAuthenticated             nobody is logged in
    │   ├── NotAllowed (PermissionError) somebody is, without the permission
    │   ├── NotFound (LookupError)       no such project, task, storage, ...
    │   └── Conflict                     the state of things forbids it
    │       └── NotConnected             the storage is known, and cannot be used now
    ├── PluginError                      a plug-in, not the storage behind it
    │   ├── PluginLoadError              its import, registration or description failed
    │   ├── ProviderClash                two distributions claim one name
    │   ├── IncompatibleContract         written for another contract version
    │   ├── UnknownProvider (LookupError)
    │   ├── ProviderUnavailable          known, but not loaded; says why
    │   ├── ContractViolation            it returned what the contract forbids
    │   └── ProviderCrash                it raised something that is not in this tree
    └── StorageError                     .provider .operation .storage_id .key
        ├── ObjectNotFound (FileNotFoundError)
        ├── ContainerNotFound            no such bucket, container or folder
        ├── Unauthenticated              credentials wrong, missing or expired
        ├── AccessDenied (PermissionError)
        ├── PreconditionFailed           the ETag is another one, or the object exists
        ├── InvalidKey (ValueError)      this provider cannot hold such a key
        ├── InvalidRange (ValueError)    no byte of the object lies in the range; .size
        ├── CursorExpired                the listing has to go on from a key
        ├── TooLarge                     over the provider's size limit
        ├── IntegrityError               bytes are missing or not the ones announced
        ├── NotSupported (NotImplementedError)
        └── TransientStorageError        retryable; .retry_after in seconds or None
            ├── RateLimited
            ├── Unavailable              5xx, refused or reset connections
            └── OperationTimeout (TimeoutError)

A provider raises only the branch below `StorageError`. A builtin is mixed in where it
means exactly the same. Every error can be pickled, and none of them may carry a
secret or a signed URL in its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labeldock.contract.values import Problem


class LabeldockError(Exception):
    """The root: catch it to catch any of ours.

    Args:
        message: what failed, on what; one sentence for the person who has to act.
        field: name of the setting or input field that it is about.
        remedy: what to do about it.
        context: plain JSON values for the log; no secrets.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        remedy: str | None = None,
        **context: Any,  # JSON values: text, numbers, lists
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.remedy = remedy
        self.context = context

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.message, self.__dict__)


def _restore(
    kind: type[LabeldockError], message: str, state: dict[str, Any]
) -> LabeldockError:
    error = kind(message)
    error.__dict__.update(state)
    return error


class ConfigurationError(LabeldockError):
    """The operator's settings are wrong; it cannot work until they change."""

    code = "configuration_error"


class RequestError(LabeldockError):
    """What was asked for cannot be done; asking the same again will not help."""

    code = "bad_request"


class InvalidInput(RequestError, ValueError):
    """One or more fields are wrong. `problems` has one entry per finding."""

    code = "invalid_input"

    def __init__(
        self,
        message: str,
        *,
        problems: Sequence[Problem] = (),
        field: str | None = None,
        remedy: str | None = None,
        **context: Any,  # as in the root
    ) -> None:
        super().__init__(message, field=field, remedy=remedy, **context)
        self.problems = tuple(problems)


class NotAuthenticated(RequestError):
    """The request carries no valid login or token."""

    code = "not_authenticated"


class NotAllowed(RequestError, PermissionError):
    """The caller is known and may not do this."""

    code = "permission_denied"


class NotFound(RequestError, LookupError):
    """The thing named does not exist, or the caller may not know that it does."""

    code = "not_found"


class Conflict(RequestError):
    """The present state forbids it, e.g. a storage that is being synced is removed."""

    code = "conflict"


class NotConnected(Conflict):
    """What is asked for lies in a storage that is known and cannot be used now."""

    code = "storage_not_connected"


class PluginError(LabeldockError):
    """About a plug-in itself, not about the storage behind it."""

    code = "plugin_error"


class PluginLoadError(PluginError):
    """Import, registration or `describe` of the plug-in failed."""

    code = "plugin_load_error"


class ProviderClash(PluginError):
    """Two distributions claim one provider name; neither is used."""

    code = "provider_clash"


class IncompatibleContract(PluginError):
    """The plug-in was written for another version of the contract."""

    code = "incompatible_contract"


class UnknownProvider(PluginError, LookupError):
    """No installed distribution brings this provider."""

    code = "unknown_provider"


class ProviderUnavailable(PluginError):
    """The provider is installed but could not be loaded, or is blocked."""

    code = "provider_unavailable"


class ContractViolation(PluginError):
    """A provider returned something that its contract forbids."""

    code = "contract_violation"


class ProviderCrash(PluginError):
    """A provider raised something outside this tree; the cause is chained.

    The text names the exception's type and never repeats its message, since that
    may hold a credential or a signed URL.
    """

    code = "provider_crash"


class StorageError(LabeldockError):
    """A storage did not do what it was asked.

    A provider fills in `key` where it knows one; the host adds the rest
    (`provider`, `operation`, `storage_id`).
    """

    code = "storage_error"

    def __init__(
        self,
        message: str,
        *,
        key: str | None = None,
        field: str | None = None,
        remedy: str | None = None,
        **context: Any,  # as in the root
    ) -> None:
        super().__init__(message, field=field, remedy=remedy, **context)
        self.key = key
        self.provider: str | None = None
        self.operation: str | None = None
        self.storage_id: int | None = None

    def locate(self, *, provider: str, operation: str, storage_id: int | None) -> Self:
        """Say where it happened; the first answer stands. Returns the error itself."""
        self.provider = self.provider or provider
        self.operation = self.operation or operation
        if self.storage_id is None:
            self.storage_id = storage_id
        return self


class ObjectNotFound(StorageError, FileNotFoundError):
    """There is no object under this key."""

    code = "object_not_found"


class ContainerNotFound(StorageError):
    """There is no such bucket, container or folder."""

    code = "container_not_found"


class Unauthenticated(StorageError):
    """The storage does not accept the credentials: wrong, missing or expired."""

    code = "storage_unauthenticated"


class AccessDenied(StorageError, PermissionError):
    """The credentials are valid and do not permit this operation."""

    code = "storage_access_denied"


class PreconditionFailed(StorageError):
    """The condition of the request does not hold; nothing was read or written."""

    code = "precondition_failed"


class InvalidKey(StorageError, ValueError):
    """This provider cannot hold such a key."""

    code = "invalid_key"


class InvalidRange(StorageError, ValueError):
    """No byte of the object lies in the requested range (RFC 9110, 15.5.17).

    `size` is the size of the whole object in bytes, for `Content-Range: bytes */N`.
    """

    code = "invalid_range"

    def __init__(self, message: str, *, size: int = 0, key: str | None = None) -> None:
        super().__init__(message, key=key)
        self.size = size


class CursorExpired(StorageError):
    """The listing cursor is unknown or expired: list again from the last key."""

    code = "cursor_expired"


class TooLarge(StorageError):
    """The content is larger than the provider can hold in one object."""

    code = "too_large"


class IntegrityError(StorageError):
    """Bytes are missing, or are not the ones that were announced."""

    code = "integrity_error"


class NotSupported(StorageError, NotImplementedError):
    """The provider has no such ability, and its capabilities say so."""

    code = "not_supported"


class TransientStorageError(StorageError):
    """Trying again may help, after `retry_after` seconds where the storage said so."""

    code = "storage_transient"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        key: str | None = None,
        field: str | None = None,
        remedy: str | None = None,
        **context: Any,  # as in the root
    ) -> None:
        super().__init__(message, key=key, field=field, remedy=remedy, **context)
        self.retry_after = retry_after


class RateLimited(TransientStorageError):
    """The storage asks to slow down."""

    code = "storage_rate_limited"


class Unavailable(TransientStorageError):
    """The storage answered 5xx, or the connection was refused or reset."""

    code = "storage_unavailable"


class OperationTimeout(TransientStorageError, TimeoutError):
    """The storage did not answer within the set time."""

    code = "storage_timeout"


def never(value: object) -> NoReturn:
    """Raise for a value that the types say cannot be."""
    raise AssertionError(value)
