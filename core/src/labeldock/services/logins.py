"""Logging in and out, written down: who came in, who did not, from where."""

from __future__ import annotations

from typing import Final

from labeldock.contract.errors import NotAuthenticated
from labeldock.services import access, auditing
from labeldock.services.access import Login, Principal
from labeldock.services.auditing import Action, Deed
from labeldock.services.context import AppContext

PASSWORD: Final = "password"  # noqa: S105  a way of logging in
OPENID: Final = "openid"
_UNNAMED: Final = "(not an address)"


def log_in_with_password(app: AppContext, email: str, password: str) -> Login:
    """Check a login, and write down how it ended.

    Raises:
        NotAuthenticated: address and password do not belong together.
    """
    try:
        login = access.open_session(app, email, password)
    except NotAuthenticated:
        note_refused_login(app, PASSWORD, email)
        raise
    note_login(app, login.principal, PASSWORD)
    return login


def note_login(app: AppContext, principal: Principal, method: str) -> None:
    """Write down that somebody came in."""
    deed = Deed(Action.LOGIN, "user", principal.user_id, details={"method": method})
    auditing.record_alone(app, principal, deed)


def note_refused_login(app: AppContext, method: str, email: str) -> None:
    """Write down that somebody did not come in.

    Some type their password where the address belongs: what is none is not kept.
    """
    is_address = 0 < email.find("@") < len(email) - 1 and " " not in email.strip()
    details = {"method": method, "email": email if is_address else _UNNAMED}
    deed = Deed(Action.LOGIN, "user", outcome="failure", details=details)
    auditing.record_alone(app, None, deed)


def log_out(app: AppContext, principal: Principal) -> None:
    """End somebody's sessions in all browsers; their tokens stay valid."""
    access.end_sessions(app, principal.user_id)
    deed = Deed(Action.LOGOUT, "user", principal.user_id)
    auditing.record_alone(app, principal, deed)
