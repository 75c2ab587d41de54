"""Which hosts may be asked that somebody put into a setting."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import pytest
from pydantic import Field

from labeldock.contract import (
    ENDPOINT,
    ConfigurationError,
    InvalidInput,
    ListQuery,
    Purpose,
    Unavailable,
    ValidateRequest,
    hookimpl,
)
from labeldock.host import build_storage_ref, load_catalog, validate_options
from labeldock.host.egress import (
    EgressPolicy,
    EgressRefused,
    EndpointGate,
    look_up,
    parse_url,
)
from labeldock.host.networks import METADATA
from labeldock.testing.memory import MemoryOptions, MemoryProvider
from labeldock.testing.plugins import FakeEntryPoint, build_source

PUBLIC = "93.184.216.34"
INNER = [
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::a00:1",  # 10.0.0.1 through a translator
    "2002:7f00:1::",  # 127.0.0.1 through a tunnel
]
NEVER = [
    "0.0.0.0",
    "::",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "ff02::1",
    "2001:db8::1",
    "fec0::1",
    "::ffff:169.254.0.1",
]


def resolve_to(*addresses):
    """A resolver that knows one answer."""
    return lambda host, port: addresses


def check(address, *, host="bucket.example", **options):
    """Ask a policy about a host of one address."""
    policy = EgressPolicy(resolve=resolve_to(address), **options)
    return policy.find_target(f"https://{host}/x", field="s3_endpoint")


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1::1", "8.8.8.8"])
def test_a_public_address_is_permitted(address):
    target = check(address)

    assert target.addresses == (address,)
    assert (target.scheme, target.host, target.port) == ("https", "bucket.example", 443)


@pytest.mark.parametrize("address", [*INNER, *NEVER])
def test_everything_else_is_refused_and_the_text_shows_no_address(address):
    with pytest.raises(EgressRefused, match=r"bucket\.example leads to") as caught:
        check(address)

    assert caught.value.field == "s3_endpoint"
    assert "LABELDOCK_EGRESS_ALLOW" in caught.value.remedy
    assert address not in str(caught.value)
    assert not caught.value.retryable


@pytest.mark.parametrize("address", INNER)
def test_private_networks_are_permitted_where_the_operator_says_so(address):
    assert check(address, permits_private=True).addresses == (address,)


@pytest.mark.parametrize("address", NEVER)
def test_link_local_and_reserved_ranges_are_not_private_networks(address):
    with pytest.raises(EgressRefused, match="link-local or reserved"):
        check(address, permits_private=True)


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("bucket.example", "bucket.example", "10.0.0.1"),
        ("BUCKET.example.", "Bucket.Example", "10.0.0.1"),
        (".example", "bucket.example", "169.254.0.1"),
        ("*.example", "bucket.example", "127.0.0.1"),
        ("10.0.0.0/8", "bucket.example", "10.1.2.3"),
        ("10.0.0.0/8", "bucket.example", "::ffff:10.1.2.3"),
        ("10.1.2.3", "10.1.2.3", "10.1.2.3"),
        ("[fd00::5]", "[fd00::5]", "fd00::5"),
        ("fd00::/8", "bucket.example", "fd00::5"),
    ],
)
def test_a_listed_host_suffix_or_network_is_permitted(entry, host, address):
    assert check(address, host=host, allow=[entry]).addresses == (address,)


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("bucket.example", "evil-bucket.example", "10.0.0.1"),
        (".example", "example", "10.0.0.1"),
        (".lab.example", "evillab.example", "10.0.0.1"),
        ("10.0.0.0/24", "bucket.example", "10.0.1.1"),
        ("10.0.0.1", "10.0.0.10", "10.0.0.10"),
    ],
)
def test_a_neighbour_of_what_is_listed_is_refused(entry, host, address):
    with pytest.raises(EgressRefused, match="private"):
        check(address, host=host, allow=[entry])


@pytest.mark.parametrize("address", sorted(map(str, METADATA)))
def test_metadata_services_are_refused_whatever_is_listed(address):
    allow = ["0.0.0.0/0", "::/0", ".example", address]

    with pytest.raises(EgressRefused, match="metadata service") as caught:
        check(address, allow=allow, permits_private=True)

    assert "no setting permits" in caught.value.remedy


def test_one_bad_address_among_good_ones_is_enough():
    policy = EgressPolicy(resolve=resolve_to(PUBLIC, "10.0.0.1"))

    with pytest.raises(EgressRefused, match="private"):
        policy.find_target("https://bucket.example")


@pytest.mark.parametrize(
    "url", ["http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://0177.1/"]
)
def test_odd_ways_to_write_an_address_are_resolved_before_they_are_judged(url):
    with pytest.raises(EgressRefused, match="this machine itself"):
        EgressPolicy().find_target(url)


def test_the_resolver_of_the_system_is_asked():
    assert set(look_up("localhost", 80)) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    "url",
    [
        "ftp://bucket.example",
        "bucket.example",
        "//bucket.example",
        "http://",
        "http://user:word@bucket.example",
        "http://bucket.example\\@127.0.0.1/",
        "http://bucket.example\t/",
        "http://bucket.example\n.evil.example/",
        "http://%31%32%37.0.0.1/",
        "http://bucket.example:port/",
        "http://bucket.example:70000/",
        "http://[::1/",
        "http://-bucket.example",
        "http://fa\u00df.example",  # two hosts, depending on the library
        "file:///etc/passwd",
        "",
    ],
)
def test_what_clients_could_read_differently_is_no_address(url):
    with pytest.raises(InvalidInput, match="not an address") as caught:
        parse_url(url, field="url")

    assert caught.value.field == "url"


@pytest.mark.parametrize("failure", [OSError("no such host"), UnicodeError("label")])
def test_a_host_that_cannot_be_found_is_unavailable_and_no_secret_of_the_policy(
    failure,
):
    def fail(host, port):
        raise failure

    policy = EgressPolicy(resolve=fail)

    with pytest.raises(Unavailable, match=r"bucket\.example cannot be found"):
        policy.find_target("https://bucket.example", field="url")
    policy.check_url("https://bucket.example")  # no request can go there


@pytest.mark.parametrize(
    "entry", ["https://minio", "minio:9000", "10.0.0.0/33", "10.0.0", "a b", "*", "."]
)
def test_an_entry_that_is_nothing_of_the_kind_is_the_operators_mistake(entry):
    with pytest.raises(ConfigurationError, match="LABELDOCK_EGRESS_ALLOW"):
        EgressPolicy([entry])


# Storages


class EndpointOptions(MemoryOptions):
    """Settings with an address."""

    server: Annotated[str | None, ENDPOINT] = Field(default=None)


class RemoteProvider(MemoryProvider):
    """The memory provider, as if it were somewhere."""

    @hookimpl
    def describe(self):
        return replace(
            super().describe(),
            import_options=EndpointOptions,
            export_options=EndpointOptions,
        )


def connect(policy, server):
    """A bound provider behind a policy, and a storage of it."""
    provider = RemoteProvider()
    entry = FakeEntryPoint("memory", lambda: provider)
    catalog = load_catalog(
        environment={}, strict=True, egress=policy, entry_points=build_source([entry])
    )
    bound = catalog.provider("memory")
    options = validate_options(
        bound, Purpose.IMPORT, {"bucket": "photos", "server": server}, stored=False
    )
    provider.create_bucket("photos")
    ref = build_storage_ref(
        bound, id=1, purpose=Purpose.IMPORT, options=options, key=b"key"
    )
    return bound, ref


def test_an_operation_is_refused_before_the_provider_is_called():
    bound, ref = connect(EgressPolicy(resolve=resolve_to("10.0.0.1")), "http://minio")

    with pytest.raises(EgressRefused, match="private") as caught:
        bound.list_objects(ref, ListQuery(""))

    assert (caught.value.field, caught.value.storage_id) == ("server", 1)


def test_validation_reports_the_field_and_the_remedy():
    bound, ref = connect(EgressPolicy(resolve=resolve_to("10.0.0.1")), "http://minio")

    report = bound.validate(ref, ValidateRequest(""))

    (problem,) = report.problems
    assert (report.status, problem.field) == ("forbidden", "server")
    assert problem.code == "egress_refused"
    assert "LABELDOCK_EGRESS_ALLOW" in problem.remedy


@pytest.mark.parametrize("server", [None, "http://minio"])
def test_a_permitted_storage_works(server):
    policy = EgressPolicy(["minio"], resolve=resolve_to("10.0.0.1"))
    bound, ref = connect(policy, server)

    assert bound.list_objects(ref, ListQuery("")).objects == ()


def test_an_address_that_is_none_is_refused_for_a_storage_too():
    bound, ref = connect(EgressPolicy(), "http://user@minio")

    with pytest.raises(EgressRefused, match="not an address"):
        bound.list_objects(ref, ListQuery(""))


def test_a_name_that_moves_into_the_inner_network_is_noticed():
    answers = [PUBLIC, "127.0.0.1"]
    policy = EgressPolicy(resolve=lambda host, port: [answers[0]])
    _, ref = connect(None, "http://moves.example")
    now = [100.0]
    gate = EndpointGate(policy, clock=lambda: now[0])
    gate.check(ref)

    answers.pop(0)
    gate.check(ref)  # known to be fine for a moment, so that pages cost nothing
    now[0] += 31

    with pytest.raises(EgressRefused, match="this machine itself"):
        gate.check(ref)


def test_what_was_refused_is_looked_at_again():
    answers = ["127.0.0.1", PUBLIC]
    gate = EndpointGate(EgressPolicy(resolve=lambda host, port: [answers[0]]))
    _, ref = connect(None, "http://moves.example")
    with pytest.raises(EgressRefused, match="this machine itself"):
        gate.check(ref)

    answers.pop(0)

    gate.check(ref)
