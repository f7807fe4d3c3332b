"""Hold the forms of principals, of corrections, of lists and of students of 18."""

from __future__ import annotations

from tests.protection.forms import FORMS

FORMS.update(
    {
        "/desk/restrictions/new": {
            "number": "{number}", "given_name": "Tomas", "family_name": "Bell", "limits": "access",
            "basis": "court-order", "review_on-month": "6", "review_on-day": "1", "review_on-year": "2027",
        },
        "/desk/restrictions/{restriction}/review": {
            "review_on-month": "6", "review_on-day": "1", "review_on-year": "2027",
        },
        "/desk/restrictions/{restriction}/namesakes": {"account": "{parent}"},
        "/desk/students/find": {"number": "{number}"},
        "/desk/students/links/{link}/end": {"reason": "court-order"},
        "/desk/links/{link}/correct": {
            "number": "46610927", "birth_date-month": "7", "birth_date-day": "13", "birth_date-year": "2018",
        },
        "/desk/visits/{visit}/verify": {"{link}-evidence": "school-record"},
        "/desk/search": {"code": "{code}"},
        "/desk/district/projection/now": {"parent": "{parent}"},
        "/desk/district/projection/resolve": {"parent": "{parent}"},
        "/student/allow/{link}": {"purposes": "records"},
    }
)  # fmt: skip
