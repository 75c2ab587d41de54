"""Load, soak and failures of the hosted mode: `./dev stress load|soak|failures`."""

from __future__ import annotations
