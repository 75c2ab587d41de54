"""The first value that a label config shows, whatever is sent as a label config."""

from __future__ import annotations

import pytest

from labeldock.services.resolving.label_config import find_first_data_key

BOMB = """<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<View><Text name="t" value="$text">&b;</Text></View>"""


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ('<View><Image name="i" value="$image"/></View>', "image"),
        ("<View><Image name='i' value='$image'/></View>", "image"),
        ('<View><Text name="t" value="fixed"/><Image value="$image"/></View>', "image"),
        ('<View><!-- <Text value="$no"/> --><Image value="$yes"/></View>', "yes"),
        ('<View><Image valueList="$images"/></View>', "images"),
        ('<View><Repeater on="$x" value="$data[0].url"/></View>', "data"),
        (
            '<View>\n<Label value="Cat"/>\n<Audio value="$audio_url"/></View>',
            "audio_url",
        ),
        ('<View><Text value="$größe"/></View>', "größe"),
        ("<View></View>", None),
        ("", None),
        ("no XML", None),
        ('<View><Image value="$image"', None),
        ('<View><Image value="$"/></View>', None),
        (BOMB, None),
        ("\udcff", None),
    ],
)
def test_the_first_data_key_is_found(config, key):
    assert find_first_data_key(config) == key


def test_what_is_broken_after_it_does_not_matter():
    assert find_first_data_key('<View><Image value="$image"/><broken') == "image"
