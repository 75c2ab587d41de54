"""Archives of any size, written as backups are, without a project to be backed up."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from labeldock.services.backups.format import FORMAT, VERSION
from labeldock.services.backups.zips import ArchiveWriter, join_lines

TIME = "2026-01-01T00:00:00Z"
SLOT = "s3-1"


def write_archive(path: Path, tasks: int, media: int) -> None:
    """An archive of so many tasks, each with an annotation, and of so many objects."""
    with path.open("wb") as stream:
        writer = ArchiveWriter(stream)
        document = {
            "title": "chaos",
            "description": "",
            "label_config": "<View></View>",
            "maximum_annotations": 1,
            "interface": None,
            "upload_path": "/data/upload/1/",
        }
        writer.write_document("project.json", [json.dumps(document).encode()])
        numbers = range(1, tasks + 1)
        _write(writer, "storages.jsonl", [_describe_slot(is_full=media > 0)])
        _write(writer, "tasks.jsonl", map(_describe_task, numbers))
        _write(writer, "annotations.jsonl", map(_describe_annotation, numbers))
        _write(writer, "predictions.jsonl", ())
        _write(writer, "references.jsonl", map(_describe_reference, numbers))
        copies = [_copy(writer, number) for number in range(1, media + 1)]
        _write(writer, "media.jsonl", copies)
        _write(writer, "uploads.jsonl", ())
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "kind": "full" if media else "lightweight",
            "scope": "project",
            "counts": {
                "storages": 1,
                "tasks": tasks,
                "annotations": tasks,
                "predictions": 0,
                "references": tasks,
                "media": media,
                "media_bytes": sum(copy["size"] for copy in copies),
                "missing": 0,
                "uploads": 0,
            },
            "entries": [entry.model_dump() for entry in writer.entries],
        }
        writer.write_document("manifest.json", [json.dumps(manifest).encode()])
        writer.close()


def read_content(number: int) -> bytes:
    """The bytes of an object."""
    return f"object {number} ".encode() * 50


def _write(writer, name, lines):
    writer.write_document(name, join_lines(json.dumps(x).encode() for x in lines))


def _copy(writer, number):
    name, content = f"media/{number:09d}.jpg", read_content(number)
    writer.write_blocks(name, [content], is_stored=True)
    return {
        "slot": SLOT,
        "key": f"k/{number:06d}.jpg",
        "entry": name,
        "etag": str(number),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content_type": "image/jpeg",
        "problem": None,
    }


def _describe_slot(*, is_full):
    return {
        "name": SLOT,
        "purpose": "import",
        "provider": "s3",
        "title": None,
        "base_uri": "s3://bucket/",
        "prefix": "",
        "options": {"bucket": "bucket"},
        "settings_version": 1,
        "secrets": [],
        "settings": {},
        "media": "included" if is_full else "references",
    }


def _describe_task(number):
    return {
        "task": number,
        "inner_id": number,
        "data": {"image": f"s3://bucket/k/{number:06d}.jpg"},
        "meta": None,
        "overlap": 1,
        "allow_skip": True,
        "is_labeled": True,
        "total_annotations": 1,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "created_at": TIME,
        "updated_at": TIME,
    }


def _describe_annotation(number):
    return {
        "task": number,
        "result": [{"type": "choices", "value": {"choices": [str(number)]}}],
        "was_cancelled": False,
        "ground_truth": False,
        "lead_time": 1.5,
        "completed_by": "chaos@example.org",
        "created_at": TIME,
        "updated_at": TIME,
    }


def _describe_reference(number):
    return {
        "task": number,
        "slot": SLOT,
        "key": f"k/{number:06d}.jpg",
        "row_group": -1,
        "row_index": -1,
        "state": "linked",
        "etag": str(number),
        "size": 550,
        "last_modified": TIME,
    }
