"""Forms made of label configs, and results made of forms."""

from __future__ import annotations

import orjson
import pytest

from labeldock.contract import InvalidInput
from labeldock.services.labelling.answers import (
    name_field,
    read_answers,
    show_answers,
)
from labeldock.services.labelling.controls import read_questions

CONFIG = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="box" toName="image">
    <Label value="gull" background="#ff0000" hotkey="g"/>
    <Label value="Auk" alias="auk"/>
  </RectangleLabels>
  <Header value="What kind?"/>
  <Choices name="kind" toName="image" choice="multiple" required="true">
    <Choice value="bird"/><Choice value="fish"/><Choice value="other"/>
  </Choices>
  <View><Choices name="one" toName="image"><Choice value="a"/><Choice value="b"/>
  </Choices></View>
  <TextArea name="note" toName="image" rows="4"/>
  <Rating name="stars" toName="image" maxRating="3"/>
</View>"""
BESIDE = """<View>
  <Image name="image" value="$image"/>
  <Rectangle name="rect" toName="image"/>
  <Labels name="tag" toName="image"><Label value="gull"/></Labels>
</View>"""
BEYOND = """<View>
  <Image name="image" value="$image"/><Text name="text" value="$text"/>
  <PolygonLabels name="poly" toName="image"><Label value="x"/></PolygonLabels>
  <Labels name="ner" toName="text"><Label value="PER"/></Labels>
  <Choices name="each" toName="image" perRegion="true"><Choice value="x"/></Choices>
  <Choices name="from_data" toName="image" value="$options"/>
  <Choices name="tree" toName="image">
    <Choice value="a"><Choice value="b"/></Choice>
  </Choices>
  <RectangleLabels name="wrong" toName="text"><Label value="x"/></RectangleLabels>
</View>"""
REGION = {
    "id": "abc",
    "x": 10,
    "y": 20.5,
    "width": 30,
    "height": 40,
    "rotation": 0,
    "labels": ["gull"],
    "original_width": 320,
    "original_height": 240,
}


def answer(config=CONFIG, regions=(), **values):
    sent = {"regions": orjson.dumps(list(regions)).decode(), **values}
    return read_answers(read_questions(config), sent)


def strip_ids(result):
    return [{k: v for k, v in part.items() if k != "id"} for part in result]


KIND = {name_field(1, 1): "on"}


def test_a_label_config_is_read():
    questions = read_questions(CONFIG)
    box, kind, one, note, stars = questions.controls

    assert (box.kind, box.to_name, box.draws) == ("rectanglelabels", "image", True)
    assert [(o.value, o.text, o.hotkey) for o in box.options] == [
        ("gull", "gull", "g"),
        ("auk", "Auk", ""),
    ]
    assert box.options[0].colour == "#ff0000"
    assert (kind.title, kind.is_multiple, kind.is_required) == (
        "What kind?",
        True,
        True,
    )
    assert (one.title, one.is_multiple, note.rows, stars.stars) == ("one", False, 4, 3)
    assert questions.beyond == ()
    assert questions.objects["image"].key == "image"


def test_what_the_form_cannot_ask_is_named_with_the_reason():
    questions = read_questions(BEYOND)

    assert questions.controls == ()
    assert dict(questions.beyond) == {
        "PolygonLabels poly": "this kind of control is not drawn here",
        "Labels ner": "regions of this kind are not drawn here",
        "Choices each": "it is asked for each region",
        "Choices from_data": "its options come from the task's data",
        "Choices tree": "its options are nested",
        "RectangleLabels wrong": "it is not about one picture",
    }


@pytest.mark.parametrize(
    "config", ["", "<View", "<!DOCTYPE x [<!ENTITY a 'b'>]><View/>", "<View/>"]
)
def test_a_label_config_that_says_nothing_asks_nothing(config):
    assert read_questions(config).controls == ()


def test_a_colour_of_the_label_config_is_a_colour_or_not_taken():
    config = CONFIG.replace("#ff0000", "url(https://example.org/x)")

    assert read_questions(config).controls[0].options[0].colour == "#0e7c86"


def test_answers_become_a_result_as_clients_know_it():
    result = answer(
        regions=[REGION],
        **KIND,
        **{
            name_field(1, 2): "on",
            name_field(2): "1",
            name_field(3): "two\r\nlines",
            name_field(4): "2",
        },
    )

    about = {"to_name": "image", "origin": "manual"}
    assert strip_ids(result) == [
        {
            "from_name": "kind",
            "type": "choices",
            **about,
            "value": {"choices": ["fish", "other"]},
        },
        {"from_name": "one", "type": "choices", **about, "value": {"choices": ["b"]}},
        {
            "from_name": "note",
            "type": "textarea",
            **about,
            "value": {"text": ["two\nlines"]},
        },
        {"from_name": "stars", "type": "rating", **about, "value": {"rating": 2}},
        {
            "from_name": "box",
            "type": "rectanglelabels",
            **about,
            "value": {
                "x": 10.0,
                "y": 20.5,
                "width": 30.0,
                "height": 40.0,
                "rotation": 0.0,
                "rectanglelabels": ["gull"],
            },
            "original_width": 320,
            "original_height": 240,
            "image_rotation": 0,
        },
    ]
    assert result[-1]["id"] == "abc"


def test_a_rectangle_with_labels_beside_it_is_two_parts_of_one_id():
    shape, label = answer(BESIDE, [REGION])

    assert (shape["type"], label["type"]) == ("rectangle", "labels")
    assert shape["id"] == label["id"] == "abc"
    assert shape["value"] == {k: v for k, v in label["value"].items() if k != "labels"}
    assert label["value"]["labels"] == ["gull"]
    assert label["from_name"] == "tag"


def test_what_is_needed_has_to_be_answered():
    with pytest.raises(InvalidInput) as error:
        answer()

    assert [(p.field, p.message) for p in error.value.problems] == [
        (name_field(1), "This needs an answer.")
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["whale"]}, "unknown label"),
        ({"labels": []}, "no label"),
        ({"x": 80}, "outside of the picture"),
        ({"x": -1}, "outside of the picture"),
        ({"width": 0}, "outside of the picture"),
        ({"original_width": 0}, "outside of the picture"),
        ({"height": "tall"}, "height of a rectangle is no number"),
        ({"rotation": True}, "rotation of a rectangle is no number"),
    ],
)
def test_a_rectangle_that_cannot_be_is_refused(change, message):
    with pytest.raises(InvalidInput, match=message):
        answer(regions=[{**REGION, **change}], **KIND)


@pytest.mark.parametrize("text", ["{", "{}", "[1]", "[[]]", '[{"x": 1e999}]', "null"])
def test_regions_that_are_no_regions_are_refused(text):
    with pytest.raises(InvalidInput):
        read_answers(read_questions(CONFIG), {**KIND, "regions": text})


@pytest.mark.parametrize("given", ["9", "-1", "x", "²", "", "99999999999"])
def test_a_choice_that_is_not_offered_is_none(given):
    result = answer(**KIND, **{name_field(2): given})

    assert [part["from_name"] for part in result] == ["kind"]


def test_a_result_comes_back_as_the_form_that_made_it():
    values = {**KIND, name_field(2): "0", name_field(3): "x", name_field(4): "3"}
    made = answer(regions=[REGION], **values)
    shown = show_answers(read_questions(CONFIG), made)

    assert shown.chosen == {"kind": ("fish",), "one": ("a",)}
    assert (shown.texts, shown.stars) == ({"note": "x"}, {"stars": 3})
    assert shown.regions == [REGION]
    assert shown.others == []
    again = answer(regions=shown.regions, **values)
    assert strip_ids(again) == strip_ids(made)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "brushlabels", "from_name": "brush", "value": {"rle": [1]}},
        {"type": "choices", "from_name": "one", "value": {"choices": ["gone"]}},
        {"type": "choices", "from_name": "one", "value": None},
        {"type": "textarea", "from_name": "note", "value": {"text": ["a", "b"]}},
        {"type": "rectanglelabels", "from_name": "box", "value": {"x": "1"}},
        {"type": "relation", "from_id": "a", "to_id": "b"},
        {},
    ],
)
def test_what_the_form_cannot_say_again_stays_as_it_is(part):
    shown = show_answers(read_questions(CONFIG), [part])

    assert shown.others == [part]
    assert not shown.chosen
    assert not shown.regions
