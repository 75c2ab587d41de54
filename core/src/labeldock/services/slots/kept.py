"""Where the media of a kept slot lie in the persistent storage.

Keys of buckets may be anything, and names of files may not, so a key is hashed.
"""

from __future__ import annotations

import hashlib


def kept_folder(slot_id: int) -> str:
    """What the keys of a slot's media begin with."""
    return f"media/{slot_id}/"


def kept_key(slot_id: int, key: str) -> str:
    """Where the object lies that had this key in its bucket."""
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    return f"{kept_folder(slot_id)}{digest[:2]}/{digest}"
