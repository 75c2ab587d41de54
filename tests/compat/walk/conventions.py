"""2.1: who asks, slashes, bodies, errors."""

from __future__ import annotations

import base64
import json
import uuid

from tests.compat.walk.lines import elsewhere, line

WHOAMI = "/api/current-user/whoami"


def read_claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def whoami(world, headers, status=200):
    with world.open(headers) as client:
        answer = client.get(WHOAMI)
    assert answer.status_code == status
    return answer


def buy_access(world, refresh, status=200):
    with world.open({}) as client:
        answer = client.post("/api/token/refresh/", json={"refresh": refresh})
    assert answer.status_code == status
    return answer.json()


@line("2.1", "a key of forty hex digits is sent as Token")
def token(world):
    key = world.service.token
    assert len(key) == len(bytes.fromhex(key)) * 2 == 40
    answer = whoami(world, {"Authorization": f"Token {key}"})
    assert answer.json()["email"] == world.email


@line("2.1", "a short JWT is sent as Bearer")
def bearer(world):
    access = buy_access(world, world.service.personal_token)["access"]
    assert whoami(world, {"Authorization": f"Bearer {access}"}).json()["id"]


@line("2.1", "a key is taken from X-API-Key, too")
def api_key(world):
    assert whoami(world, {"X-API-Key": world.service.token}).json()["id"]


@line("2.1", "browsers have a session cookie")
def session(world):
    form = {"email": world.email, "password": "a password"}
    with world.open({"Origin": world.service.url}) as client:
        assert client.post("/user/login/", data=form).status_code == 303
        assert client.get(WHOAMI).json()["email"] == world.email


@line("2.1", "401 says in the envelope what is missing, and asks for a Token")
def nobody(world):
    answer = whoami(world, {}, 401)
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert answer.json()["detail"] == "Authentication credentials were not provided."
    assert answer.json()["status_code"] == 401


@line("2.1", "401 for a token that nobody has: Invalid token.")
def stranger(world):
    answer = whoami(world, {"Authorization": f"Token {'f' * 40}"}, 401)
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert answer.json()["detail"] == "Invalid token."


@line("2.1", "a personal token is a JWT that names its kind, end, number and user")
def personal(world):
    claims = read_claims(world.service.personal_token)
    assert claims.keys() >= {"token_type", "exp", "iat", "jti", "user_id"}
    assert claims["token_type"] == "refresh"
    assert claims["exp"] > claims["iat"]


@line("2.1", "it buys a token for 300 seconds")
def refresh(world):
    claims = read_claims(buy_access(world, world.service.personal_token)["access"])
    assert claims["token_type"] == "access"
    assert claims["exp"] - claims["iat"] == 300


@line("2.1", "a personal token that is none buys nothing: 401")
def refuse_refresh(world):
    assert "invalid" in buy_access(world, "a.b.c", 401)["detail"]


@line("2.1", "POST /api/token/ makes one: 201")
def make_personal(world):
    made = world.post("/api/token/")["token"]
    assert buy_access(world, made)["access"]


@line(
    "2.1",
    "the second POST /api/token/ makes another one",
    differs="a second `POST /api/token/` is 409",
)
def make_two(world):
    first, second = (world.post("/api/token/")["token"] for _ in range(2))
    assert first != second


@line("2.1", "GET /api/token/ lists them without their signatures")
def list_personal(world):
    made = world.post("/api/token/")["token"]
    listed = [each["token"] for each in world.get("/api/token/")]
    assert made.rpartition(".")[0] in listed


@line("2.1", "a personal token is put on the blacklist: 204, and 404 from then on")
def blacklist(world):
    made = world.post("/api/token/")["token"]
    world.post("/api/token/blacklist/", {"refresh": made}, 204)
    world.post("/api/token/blacklist/", {"refresh": made}, 404)
    buy_access(world, made, 401)


@line("2.1", "a personal token is replaced by another")
def rotate(world):
    made = world.post("/api/token/")["token"]
    other = world.post("/api/token/rotate/", {"refresh": made}, 200)["refresh"]
    assert buy_access(world, other)["access"]
    buy_access(world, made, 401)


@line("2.1", "paths can be written with a slash at the end, and without")
def slashes(world):
    project = world.make_project()
    for path in ("/api/projects", f"/api/projects/{project}", "/api/storages/s3"):
        plain = world.get(path, project=project)
        assert world.get(f"{path}/", project=project) == plain


@line(
    "2.1",
    "what is not there is JSON with either, and never a page",
    differs="a missing object without a slash at the path's end is an HTML page",
)
def missing(world):
    for path in ("/api/storages/s3/999999", "/api/projects/999999"):
        for end in ("", "/"):
            assert world.get(path + end, 404)["status_code"] == 404


@line("2.1", "a path that is not there is a 404 in the envelope")
def unknown_path(world):
    for path in ("/api/nothing", "/api/nothing/"):
        assert world.get(path, 404)["status_code"] == 404


@line("2.1", "bodies are JSON, a form, or a form with files")
def bodies(world):
    for number, body in enumerate(
        ({"json": {"title": "Three"}}, {"data": {"title": "Three"}})
    ):
        made = world.ask("POST", "/api/projects/", 201, **body)
        assert made["title"] == "Three", number
    files = {"title": (None, "Three")}
    assert world.ask("POST", "/api/projects/", 201, files=files)["title"] == "Three"


@line("2.1", "fields that nobody knows are passed over")
def unknown_fields(world):
    answer = world.client.post("/api/projects/", json={"title": "Birds", "odd": 1})
    assert answer.status_code == 201
    assert answer.headers["X-Labeldock-Ignored-Fields"] == "odd"


@line("2.1", "PUT does what PATCH does")
def put(world):
    project = world.make_project(description="On the coast")
    path = f"/api/projects/{project}/"
    changed = world.ask("PUT", path, json={"title": "Gulls of the coast"})
    assert (changed["title"], changed["id"]) == ("Gulls of the coast", project)


@line("2.1", "an error of a value has an envelope, with its field")
def envelope(world):
    body = world.post("/api/projects/", {"title": "x"}, 400)
    assert str(uuid.UUID(body["id"])) == body["id"]
    assert (body["status_code"], body["exc_info"]) == (400, None)
    assert body["detail"] == "Validation error"
    assert body["version"] == world.get("/api/version")["release"]
    assert [type(texts) for texts in body["validation_errors"].values()] == [list]


@line("2.1", "any other error has the same keys without those of fields")
def other_envelope(world):
    body = world.get("/api/projects/999999/", 404)
    assert body.keys() == {"id", "status_code", "version", "detail", "exc_info"}
    assert "999999" in body["detail"]


elsewhere(
    "2.1",
    "what crashes is a 500 in the envelope; its text stays inside",
    "tests/system/test_guard_rails.py",
    "test_what_nobody_foresaw_is_found_in_the_log_by_its_number",
)
