"""One module per migration."""

from __future__ import annotations
