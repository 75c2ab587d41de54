"""What the API is, as OpenAPI 3.1, and as pages for people; told by declarations."""

from __future__ import annotations
