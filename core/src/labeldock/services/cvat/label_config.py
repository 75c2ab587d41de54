"""A label config made from CVAT's labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from xml.sax.saxutils import quoteattr

from labeldock.services.cvat.documents import Attribute, Label
from labeldock.services.cvat.shapes import CONTROLS, IMAGE, TAG, name_attribute

_ELEMENTS: Final = {
    "rectangle": "RectangleLabels",
    "polygon": "PolygonLabels",
    "polyline": "PolygonLabels",
    "points": "KeyPointLabels",
    "ellipse": "EllipseLabels",
    "mask": "BrushLabels",
}
_USUAL: Final = frozenset({"rectangle", "polygon", "points"})
"""What a label of the type `any` can be drawn as, beside what was drawn."""
_ANY: Final = "any"


def build_label_config(labels: Sequence[Label], drawn: frozenset[str]) -> str:
    """The config in which what was said can be shown and gone on with.

    Args:
        labels: of the task or the project.
        drawn: the types of shapes that there are, and `tag` if there are tags.
    """
    lines = ["<View>", f'  <Image name="{IMAGE}" value="${IMAGE}"/>']
    if TAG in drawn or any(label.type == TAG for label in labels):
        lines += _render_tags(labels)
    for kind in CONTROLS:
        fitting = [label for label in labels if _fits(label, kind, drawn)]
        if fitting:
            lines += _render_labels(kind, fitting)
    lines += _render_attributes(labels)
    return "\n".join([*lines, "</View>"])


def _fits(label: Label, kind: str, drawn: frozenset[str]) -> bool:
    if label.type == _ANY:
        return kind in _USUAL | drawn
    return label.type == kind or (label.type not in {TAG, "skeleton"} and kind in drawn)


def _render_tags(labels: Iterable[Label]) -> Iterator[str]:
    yield f'  <Choices name="{TAG}" toName="{IMAGE}" choice="multiple">'
    for label in labels:
        yield f"    <Choice value={quoteattr(label.name)}/>"
    yield "  </Choices>"


def _render_labels(kind: str, labels: Iterable[Label]) -> Iterator[str]:
    element = _ELEMENTS[kind]
    yield f'  <{element} name="{CONTROLS[kind]}" toName="{IMAGE}">'
    for label in labels:
        colour = f" background={quoteattr(label.color)}" if label.color else ""
        yield f"    <Label value={quoteattr(label.name)}{colour}/>"
    yield f"  </{element}>"


def _render_attributes(labels: Iterable[Label]) -> Iterator[str]:
    """A control for each attribute, shown beside a region that is chosen."""
    known: dict[str, Attribute] = {}
    for label in labels:
        for attribute in label.attributes:
            known.setdefault(name_attribute(attribute.name), attribute)
    for name, attribute in known.items():
        place = f'name="{name}" toName="{IMAGE}" perRegion="true"'
        if attribute.input_type in {"select", "radio", "checkbox"}:
            yield f"  <Choices {place}>"
            for value in attribute.choices or ("true", "false"):
                yield f"    <Choice value={quoteattr(value)}/>"
            yield "  </Choices>"
        else:
            yield f"  <TextArea {place}/>"
