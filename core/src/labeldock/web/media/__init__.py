"""Media for browsers: redirected to a signed URL, or streamed through."""

from __future__ import annotations

from labeldock.web.media.answers import render_error
from labeldock.web.media.routes import media_routes, shows_media

__all__ = ["media_routes", "render_error", "shows_media"]
