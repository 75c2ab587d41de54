"""2.8: the least that clients run with, which has tests of its own."""

from __future__ import annotations

from tests.compat.walk.lines import elsewhere

_CHECKLIST = "tests/system/test_api_checklist.py"
for words, name in {
    "both forms of a path": "both_forms_of_a_path_are_one",
    "Token, Bearer, X-API-Key": "a_token_is_taken_in_three_headers",
    "the endpoint that refreshes": "a_refresh_token_is_exchanged_and_a_bad_one_is_401",
    "404 past the last page": "a_page_past_the_last_is_404",
    "storages are arrays": "storages_are_plain_lists",
    "DELETE is 204": "deletions_are_204_and_empty",
    "validate is 200 and empty": "a_check_is_200_and_empty_and_saves_nothing",
    "POST that adds is 201": "additions_are_201",
    "secrets are absent": "secrets_are_absent",
    "type is always there": "the_type_is_always_there",
    "unknown and read-only fields are taken and ignored": (
        "unknown_and_read_only_fields_are_accepted_and_ignored"
    ),
    "errors have the envelope": "errors_have_the_envelope",
    "404s are JSON": "whatever_is_not_there_is_json",
    "a status is one of six": "a_status_is_one_of_six",
    "numbers and truth as text": "values_are_taken_as_forms_send_them",
}.items():
    elsewhere("2.8", words, _CHECKLIST, name)
