"""Who may do what with the objects of a bucket."""

from __future__ import annotations

from tests.servers.gcs.accounts import GET, LIST
from tests.servers.gcs.messages import ApiError


def require(account, bucket, permission):
    """Raise unless an account, None for nobody, has a permission."""
    if bucket.is_public and permission in {GET, LIST}:
        return
    if account is None:
        raise ApiError(
            401,
            "required",
            f"Anonymous caller does not have {permission} access to the Google Cloud "
            f"Storage bucket. Permission '{permission}' denied on resource (or it may "
            "not exist).",
            "AuthenticationRequired",
        )
    if permission not in account.permissions:
        raise ApiError(
            403,
            "forbidden",
            f"{account.email} does not have {permission} access to the Google Cloud "
            f"Storage object. Permission '{permission}' denied on resource (or it may "
            "not exist).",
            "AccessDenied",
        )


def find_readable(account, bucket, name):
    """The object, if the account may read it.

    Who may not list is not told whether there is an object.
    """
    require(account, bucket, GET)
    if name not in bucket.objects:
        require(account, bucket, LIST)
    return bucket.find(name)
