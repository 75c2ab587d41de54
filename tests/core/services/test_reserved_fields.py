"""No provider's settings can hide what every storage has."""

from __future__ import annotations

import pytest

from labeldock.contract import RESERVED_FIELDS, Purpose
from labeldock.services.storage_changes import SHOWN_FIELDS
from labeldock.services.storage_fields import FIELD_MODELS
from labeldock.services.storages import StorageView
from labeldock.web.api.storage_shape import shape_storage


@pytest.mark.parametrize("purpose", Purpose)
def test_the_settings_of_every_storage_are_reserved(purpose):
    assert set(FIELD_MODELS[purpose].model_fields) <= RESERVED_FIELDS


@pytest.mark.parametrize("purpose", Purpose)
def test_what_the_api_says_of_every_storage_is_reserved(purpose):
    values = dict.fromkeys(StorageView.__dataclass_fields__)
    fields = dict.fromkeys(SHOWN_FIELDS[purpose])
    storage = StorageView(
        **{**values, "purpose": purpose, "fields": fields, "settings": {}}
    )

    assert set(shape_storage(storage)) <= RESERVED_FIELDS
