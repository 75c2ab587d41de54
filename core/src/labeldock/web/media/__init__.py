"""Media for browsers: redirected to a signed URL, or streamed through."""

from __future__ import annotations

from labeldock.web.media.routes import media_routes

__all__ = ["media_routes"]
