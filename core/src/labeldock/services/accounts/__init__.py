"""Accounts: organisations and their members, users, links, invitations, OpenID."""

from __future__ import annotations
