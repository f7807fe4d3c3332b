"""Hold what a person sends to each POST of the table so that it would be done, were it theirs to do."""

from __future__ import annotations

from tests.web.pages import ANSWERS

FORMS: dict[str, dict[str, str]] = {
    **{f"/children/add/{question}": fields for question, fields in ANSWERS.items()},
    "/children/add/check": {"true": "y"},
    "/desk/find": {"code": "{code}"},
    "/desk/visits/{visit}/identity": {"identity": "passport", "school": "{school}"},
    "/desk/links/{link}/verify": {"{link}-evidence": "school-record"},
    "/desk/links/{link}/refuse": {"reason": "relationship-not-shown"},
}
"""Path -> fields. `{link}` and the like are filled in; `{school}` is one where the person has a duty."""
SCHOOL = {"elsewhere": "0610", "district": "9001"}
