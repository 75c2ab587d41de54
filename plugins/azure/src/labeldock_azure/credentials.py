"""Who asks: the SDK's credentials, made from a storage's settings.

The SDK is imported here, on first use, and nowhere at the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from labeldock.contract import Unauthenticated
from labeldock_azure.options import AzureOperatorOptions, AzureOptions


class CloudHosts(NamedTuple):
    """Where a cloud keeps blobs, and where it makes tokens; None for the SDK's own."""

    blobs: str
    tokens: str | None


# azure-identity's AzureAuthorityHosts; AZURE_AUTHORITY_HOST counts for the first.
CLOUDS: Final[Mapping[str, CloudHosts]] = {
    "public": CloudHosts("blob.core.windows.net", None),
    "government": CloudHosts("blob.core.usgovcloudapi.net", "login.microsoftonline.us"),
    "china": CloudHosts("blob.core.chinacloudapi.cn", "login.chinacloudapi.cn"),
}

# A storage has to work on a server, where nobody is logged in.
_NOT_ON_SERVERS: Final = dict.fromkeys(
    (
        "exclude_broker_credential",
        "exclude_cli_credential",
        "exclude_developer_cli_credential",
        "exclude_interactive_browser_credential",
        "exclude_powershell_credential",
        "exclude_shared_token_cache_credential",
        "exclude_visual_studio_code_credential",
    ),
    True,
)


def build_credential(
    options: AzureOptions, operator: AzureOperatorOptions, address: str
) -> Any:  # one of several classes of the SDK; None for anonymous
    """The credential that the settings lead to; connection strings have their own.

    Raises:
        Unauthenticated: there is none.
    """
    # PLC0415: the SDK is imported on first use, not at the start.
    if options.account_key and options.account_name:
        from azure.core.credentials import AzureNamedKeyCredential  # noqa: PLC0415

        return AzureNamedKeyCredential(
            options.account_name.get_secret_value(),
            options.account_key.get_secret_value(),
        )
    if options.sas_token:
        from azure.core.credentials import AzureSasCredential  # noqa: PLC0415

        return AzureSasCredential(options.sas_token.get_secret_value().lstrip("?"))
    if options.anonymous:
        return None
    if options.client_secret:
        return _build_principal(options, operator, options.client_secret)
    return _build_ambient(options, operator, address)


def _build_principal(
    options: AzureOptions, operator: AzureOperatorOptions, secret: Any
) -> Any:
    from azure.identity import ClientSecretCredential  # noqa: PLC0415  on first use

    return ClientSecretCredential(
        tenant_id=options.tenant_id or "",
        client_id=options.client_id or "",
        client_secret=secret.get_secret_value(),
        **_build_arguments(options, operator),
    )


def _build_ambient(
    options: AzureOptions, operator: AzureOperatorOptions, address: str
) -> Any:
    if not operator.ambient_credentials:
        raise Unauthenticated(
            "There are no credentials, and the operator does not permit the use of the "
            "server's own identity.",
            field="account_key",
            remedy="Give an account key, a SAS token, a connection string or a service "
            "principal, say that the container is read anonymously, or have "
            "LABELDOCK_AZURE_AMBIENT_CREDENTIALS set.",
        )
    if not _is_trusted(address, operator):
        raise Unauthenticated(
            "The server's own identity is shown to Azure alone.",
            field="azure_endpoint",
            remedy="Leave the endpoint empty, give other credentials, or have the host "
            "named in LABELDOCK_AZURE_AMBIENT_HOSTS.",
        )
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415  on first use

    return DefaultAzureCredential(
        managed_identity_client_id=options.client_id,
        **_NOT_ON_SERVERS,
        **_build_arguments(options, operator),
    )


def _is_trusted(address: str, operator: AzureOperatorOptions) -> bool:
    """Whether a token for every storage account may be sent there."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    is_azure = any(host.endswith(f".{cloud.blobs}") for cloud in CLOUDS.values())
    return (is_azure and parts.scheme == "https") or host in operator.ambient_hosts


def _build_arguments(
    options: AzureOptions, operator: AzureOperatorOptions
) -> dict[str, Any]:
    tokens = CLOUDS[options.azure_cloud].tokens
    return {
        **({"authority": tokens} if tokens else {}),
        # The authority is one of a few, or the operator's: nobody need be asked for it.
        "disable_instance_discovery": True,
        "connection_timeout": operator.connect_timeout,
        "read_timeout": operator.read_timeout,
        "retry_total": operator.max_attempts - 1,
        "retry_backoff_factor": 0.2,
    }
