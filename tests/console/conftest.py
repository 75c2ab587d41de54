"""The console in a browser: a running server with its worker, on an S3 server.

`site` runs for the tests of a module, since it takes a while to start; `browser` is a
client without a browser that is logged in, for what the HTML alone tells.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from labeldock.db.tables import User
from labeldock.services import access
from labeldock.services.accounts.project_members import add_project_member
from labeldock.services.tokens import TokenWish, create_key
from labeldock.web.sessions import COOKIE, build_session
from tests.console.site import PASSWORD, build_site, tell_story
from tests.servers.browser import run_browser
from tests.servers.starting import start_server
from tests.system.conftest import (
    accounts,
    admin,
    app,
    auth,
    catalog,
    client,
    connect,
    folder,
    home,
    installation,
    memory,
    owner,
    project,
    put_object,
    stranger,
    sync,
    task,
)

__all__ = [
    "accounts",
    "admin",
    "app",
    "auth",
    "catalog",
    "client",
    "connect",
    "folder",
    "home",
    "installation",
    "memory",
    "owner",
    "project",
    "put_object",
    "stranger",
    "sync",
    "task",
]


@pytest.fixture
def browser(app, client, owner):
    """A client that is logged in as the owner, and asks for pages."""
    with app.database.read() as session:  # a password takes long to check
        user = session.get_one(User, owner.principal.user_id)
        stamp = access.find_stamp(app, user)
    cookie = build_session(app.vault, owner.principal.user_id, stamp)
    client.cookies.set(COOKIE, cookie)
    client.headers.update({"Accept": "text/html", "Origin": "http://testserver"})
    return client


@pytest.fixture
def viewer(app, owner, project):
    """Somebody who may look at the project, and change nothing."""
    principal = access.create_user(app, "viewer@example.org", PASSWORD)
    add_project_member(app, owner.principal, project.id, principal.user_id, "viewer")
    token = create_key(app, principal, TokenWish())[1]
    return {"Authorization": f"Token {token}", "Accept": "text/html"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A running site of this module's tests; empty but for its people."""
    with ExitStack() as stack:
        home = tmp_path_factory.mktemp("site")
        yield start_server(stack, build_site(home))


@pytest.fixture(scope="module")
def story(site):
    """The same, filled; the number of its main project."""
    return tell_story(site)


@pytest.fixture(scope="module")
def chromium():
    """The browser, started once."""
    with ExitStack() as stack:
        yield start_server(stack, run_browser())


@pytest.fixture(scope="module")
def sessions(chromium, site):
    """Who has logged in; once is enough, since a password takes a while to check."""
    return Sessions(chromium, site.address)


class Sessions:
    """The cookies of the site's people."""

    def __init__(self, chromium, address):
        self._chromium, self._address, self._known = chromium, address, {}

    def log_in(self, name):
        if name not in self._known:
            with self._chromium.new_context(base_url=self._address) as context:
                form = {"email": f"{name}@example.org", "password": PASSWORD}
                headers = {"Origin": self._address}
                context.request.post("/user/login/", form=form, headers=headers)
                self._known[name] = context.cookies()
        return self._known[name]


@pytest.fixture
def open_tab(chromium, site, sessions):
    """Open a page in a context of its own, logged in as one of the site's people."""
    with ExitStack() as stack:

        def open_one(name="owner", **options):
            cookies = sessions.log_in(name) if name else []
            context = chromium.new_context(base_url=site.address, **options)
            stack.callback(context.close)
            context.add_cookies(cookies)
            return context.new_page()

        yield open_one


@pytest.fixture
def tab(open_tab):
    """A page of the owner."""
    return open_tab()
