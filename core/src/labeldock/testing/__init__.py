"""The conformance kit for providers, and what tests of the application build on.

- `rig`: what the author of a provider writes; start there.
- `suites`: the scenarios; `ProviderSuite` has them all.
- `faults`, `proxy`: making a provider, or the server behind it, fail on purpose.
- `memory`, `memory_rig`: the reference provider and the smallest rig.
- `plugins`: catalogs of providers that are not installed.
- `scaffold`: new provider packages from the template.

Modules are imported one by one: `from labeldock.testing.memory import MemoryProvider`.
"""

from __future__ import annotations
