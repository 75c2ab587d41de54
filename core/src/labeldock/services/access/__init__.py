"""Who asks, and what they may do: users, sessions, tokens, roles, permissions.

Use cases that are recorded in the audit log are not here: the log knows who asks, and
so imports this.
"""

from __future__ import annotations

from labeldock.services.access.homes import (
    MAKERS,
    find_active,
    find_home,
    find_role,
    no_such_organization,
    require_organization,
)
from labeldock.services.access.passwords import check_password, hash_password
from labeldock.services.access.permissions import (
    Standing,
    find_standing,
    no_such_project,
    require,
    require_scope,
    select_known,
)
from labeldock.services.access.principals import Login, Principal, build_principal
from labeldock.services.access.roles import (
    GRANTS,
    SCOPES,
    OrganizationRole,
    Permission,
    Role,
    parse_role,
)
from labeldock.services.access.sessions import (
    end_sessions,
    find_stamp,
    load_session,
    log_in,
    open_session,
)
from labeldock.services.access.tokens import (
    authenticate,
    find_token,
    hash_token,
    note_use,
)
from labeldock.services.access.users import (
    NewUser,
    UserName,
    change_password,
    check_address,
    count_users,
    create_user,
    find_first_organization,
    find_operator,
    find_user,
    insert_user,
    load_user,
    load_user_names,
    name_users,
    refuse_taken,
)

__all__ = [
    "GRANTS",
    "MAKERS",
    "SCOPES",
    "Login",
    "NewUser",
    "OrganizationRole",
    "Permission",
    "Principal",
    "Role",
    "Standing",
    "UserName",
    "authenticate",
    "build_principal",
    "change_password",
    "check_address",
    "check_password",
    "count_users",
    "create_user",
    "end_sessions",
    "find_active",
    "find_first_organization",
    "find_home",
    "find_operator",
    "find_role",
    "find_stamp",
    "find_standing",
    "find_token",
    "find_user",
    "hash_password",
    "hash_token",
    "insert_user",
    "load_session",
    "load_user",
    "load_user_names",
    "log_in",
    "name_users",
    "no_such_organization",
    "no_such_project",
    "note_use",
    "open_session",
    "parse_role",
    "refuse_taken",
    "require",
    "require_organization",
    "require_scope",
    "select_known",
]
