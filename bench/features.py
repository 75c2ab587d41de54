"""What Labeldock, Label Studio and CVAT can do, for the README.

Of Label Studio's open source edition and of CVAT's server, as they were read and tried;
each line is about connecting buckets, which is what this project is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.peers import NAME

CVAT: Final = "CVAT 2.54"
FEATURES: Final = (
    (
        "where data may lie",
        "S3, Google Cloud Storage, Azure, local files",
        "the same, and Redis",
        "S3, Google Cloud Storage, Azure, a mounted share",
    ),
    ("a new provider without a change of the core", "a package", "in part", "no"),
    ("secrets encrypted in the database", "yes", "no", "no"),
    (
        "a sync that imports what is new",
        "in the background, goes on where it was killed",
        "within the web request",
        "no",
    ),
    (
        "one broken file in a bucket",
        "is reported, all others are imported",
        "ends the sync",
        "no syncs",
    ),
    ("schedules, and events of the bucket", "yes", "no", "no syncs"),
    ("objects that changed or vanished", "noticed by every sync", "no", "no syncs"),
    (
        "an annotation is in the bucket soon after it was saved",
        "yes, and tried again until it is",
        "yes; an upload that failed counts as done",
        "no",
    ),
    (
        "media are sent",
        "by redirect or through the service",
        "by redirect or through the service",
        "as frames, through a cache",
    ),
    ("a bucket is browsed folder by folder", "yes", "no, as a flat list", "yes"),
    ("backups without the media", "yes", "no", "yes"),
    (
        "another bucket for a restored project",
        "yes, checked against the archive",
        "no",
        "yes, its objects are not looked for",
    ),
    (
        "who may do what",
        "organisations, four roles in a project, scopes of tokens",
        "everybody may do everything",
        "organisations with four roles",
    ),
    ("scripts written with `label-studio-sdk`", "yes", "yes", "no"),
    (
        "what is labelled with",
        "forms and rectangles, for a small team",
        "a full editor for many kinds of data",
        "a full editor for images, video and 3D",
    ),
)
"""What it is about, then a cell each."""


def render_features() -> Iterator[str]:
    """The lines of the table."""
    yield f"| | Labeldock | {NAME} | {CVAT} |"
    yield "|---|---|---|---|"
    for cells in FEATURES:
        yield f"| {' | '.join(cells)} |"
