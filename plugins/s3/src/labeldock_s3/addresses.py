"""Where the objects of a bucket are, as browsers see it.

boto3 finds the endpoint anew for every URL that it signs, and validates the parameters
and runs its events besides, which takes most of the time. The address of a bucket does
not change: it is found once, by boto3, with a client that knows no secret.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from labeldock_s3.options import S3Options
from labeldock_s3.sessions import Sessions

DEFAULT_REGION: Final = "us-east-1"
_PROBE: Final = "labeldock"


def choose_addressing(options: S3Options) -> str:
    """What botocore calls the addressing style."""
    if options.addressing_style != "auto":
        return options.addressing_style
    return "path" if options.s3_endpoint or options.public_endpoint else "auto"


def find_base(sessions: Sessions, options: S3Options) -> str:
    """What precedes the quoted key in a URL; asks nobody."""
    from botocore import UNSIGNED  # noqa: PLC0415  the SDK, on first use
    from botocore.config import Config  # noqa: PLC0415

    api = sessions.create_client(
        "s3",
        None,
        endpoint_url=options.public_endpoint or options.s3_endpoint,
        region_name=options.region_name or DEFAULT_REGION,
        config=Config(
            signature_version=UNSIGNED,
            s3={"addressing_style": _choose_for_browsers(options)},
            ignore_configured_endpoint_urls=True,
        ),
    )
    url: str = api.generate_presigned_url(
        "get_object", Params={"Bucket": options.bucket, "Key": _PROBE}
    )
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix(_PROBE)}"


def _choose_for_browsers(options: S3Options) -> str:
    """By itself boto3 signs for an address of all regions, which may redirect."""
    style = choose_addressing(options)
    if style != "auto":
        return style
    # A certificate for *.s3.amazonaws.com does not cover a name with dots.
    return "path" if "." in options.bucket else "virtual"
