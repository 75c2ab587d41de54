"""Storages as the choice among them sees them, made by hand."""

from __future__ import annotations

from datetime import timedelta

from labeldock.services.resolving.storages import MediaSource, MediaSources


def source(number, base="s3://b/", prefix="", *others):
    return MediaSource(
        id=number,
        provider="s3",
        stamp="",
        bases=(base, *others),
        prefix=prefix,
        presign=True,
        ttl=timedelta(minutes=15),
    )


def build(*sources):
    return MediaSources(sources, frozenset({"s3"}))
