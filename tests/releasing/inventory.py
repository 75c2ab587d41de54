"""What is inside: the list of components (CycloneDX), and under which licences."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from urllib.parse import unquote

from tests.releasing.environments import Environment
from tests.releasing.failures import ReleaseFailed, run

# Licences under which the service may be passed on with its dependencies.
ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CNRI-Python",
    "HPND",
    "ISC",
    "LGPL-3.0-only",  # psycopg: a library that is used as it comes, and can be replaced
    "LGPL-3.0-or-later",  # dramatiq: as above
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",  # of files; certifi
    "PSF-2.0",
    "Python-2.0",
    "Unlicense",
    "Zlib",
}
# Names that packages give instead of an identifier -> what they mean.
MEANINGS = {
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "lgpl-3.0": "LGPL-3.0-only",
    "lgplv3+": "LGPL-3.0-only",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
# Packages that name their licence in their files alone -> what it is.
UNNAMED = {"protobuf": "BSD-3-Clause"}
FILE = "file://"
WORD = re.compile(r"[()]|\s+(?:AND|OR|WITH)\s+")


def write_inventory(made: Environment, project: Path, out: Path) -> dict:
    """List every component of an environment in a file of CycloneDX; its content.

    Times and random numbers are left out, so that two lists of the same things are the
    same; what was installed from a file of this machine has its checksum, not its path.

    Raises:
        ReleaseFailed: it is no list as CycloneDX has them.
    """
    words = ("--pyproject", project, "--mc-type", "application", "--validate")
    shape = (
        "--output-format",
        "JSON",
        "--spec-version",
        "1.6",
        "--output-reproducible",
    )
    command = (sys.executable, "-m", "cyclonedx_py", "environment", *words, *shape)
    run(*command, "--output-file", out, made.python)
    found = json.loads(out.read_text("utf-8"))
    for component in found["components"]:
        _replace_path(component)
    text = json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    _validate(text)
    out.write_text(text, "utf-8")
    return found


def _replace_path(component: dict) -> None:
    """Name a package of ours as an index does, with the checksum of its archive."""
    references = component.get("externalReferences", [])
    places = [each["url"] for each in references if each["url"].startswith(FILE)]
    if not places:
        return
    content = Path(unquote(places[0].removeprefix(FILE))).read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    component["purl"] = f"pkg:pypi/{component['name']}@{component['version']}"
    del component["externalReferences"]


def _validate(text: str) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise ReleaseFailed(f"the list of components is not right: {error!r}"[:2000])


def check_licences(inventory: dict) -> list[str]:
    """Components whose licence is unknown, or not one of those that fit ours."""
    return [
        f"{component['name']} {component.get('version', '')}: "
        + (f"licence {names}" if names else "no licence is named")
        for component in inventory["components"]
        if not is_allowed(names := list_licences(component))
    ]


def list_licences(component: dict) -> list[str]:
    """The licences that a component names, as expressions."""
    found = []
    for entry in component.get("licenses", ()):
        licence = entry.get("license", {})
        text = entry.get("expression") or licence.get("id") or licence.get("name", "")
        found.append(text.removeprefix("License :: OSI Approved :: ").strip())
    return found or [UNNAMED[name] for name in (component["name"],) if name in UNNAMED]


def is_allowed(names: list[str]) -> bool:
    """Whether one of the ways in which a component is given is one for us."""
    return any(
        all(_is_known(word) for word in WORD.split(name) if word.strip())
        for name in names
    )


def _is_known(name: str) -> bool:
    return MEANINGS.get(name.strip().lower(), name.strip()) in ALLOWED


def require_licences(inventory: dict) -> None:
    """Stop at a component whose licence does not fit.

    Raises:
        ReleaseFailed: names all of them.
    """
    if wrong := check_licences(inventory):
        raise ReleaseFailed("licences to look at:\n  " + "\n  ".join(wrong))
