from __future__ import annotations

import pytest

from labeldock.services.label_outline import outline_label_config, weigh_labels

CHOICES = (
    '<View><Image name="img" value="$image"/>'
    '<Choices name="kind" toName="img"><View><Choice value="gull" alias="g"/></View>'
    '<Choice value="crow" hotkey="c"/></Choices></View>'
)


def test_controls_are_told_with_their_objects_and_labels():
    assert outline_label_config(CHOICES) == {
        "kind": {
            "type": "Choices",
            "to_name": ["img"],
            "inputs": [{"type": "Image", "valueType": None, "value": "image"}],
            "labels": ["g", "crow"],
            "labels_attrs": {
                "g": {"value": "gull", "alias": "g"},
                "crow": {"value": "crow", "hotkey": "c"},
            },
        }
    }


def test_a_control_of_two_objects_has_both_as_inputs():
    config = (
        '<View><Text name="a" value="$a"/><Text name="b" valueList="$b"/>'
        '<Pairwise name="p" toName="a,b"/></View>'
    )

    control = outline_label_config(config)["p"]

    assert control["to_name"] == ["a", "b"]
    assert [each.get("value") for each in control["inputs"]] == ["a", None]
    assert control["inputs"][1]["valueList"] == "b"


def test_conditions_and_labels_from_data_are_told():
    config = (
        '<View><Text name="t" value="$t"/><Labels name="l" toName="t" value="$x"/>'
        '<Choices name="c" toName="t" perRegion="true" whenLabelValue="A"/>'
        '<Filter name="f" toName="l"/></View>'
    )

    outline = outline_label_config(config)

    assert set(outline) == {"l", "c"}
    assert outline["l"]["dynamic_labels"] is True
    assert outline["c"]["conditionals"] == {"type": "label", "name": "A"}


BROKEN = {
    "no XML": "<View>",
    "empty": "",
    "entities": '<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>',
    "stray label": '<View><Choice value="a"/></View>',
}


@pytest.mark.parametrize("config", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_has_no_controls(config):
    assert outline_label_config(config) == {}


def test_labels_weigh_what_was_given_or_else_one():
    given = {"kind": {"overall": 0.5, "labels": {"g": 2.0}}, "other": {"overall": 3}}

    assert weigh_labels(CHOICES, given) == {
        "kind": {"overall": 0.5, "type": "Choices", "labels": {"g": 2.0, "crow": 1.0}},
        "other": {"overall": 3},
    }
    assert weigh_labels(CHOICES)["kind"]["overall"] == 1.0
