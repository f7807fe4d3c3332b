"""Letters in words: complete in each language, text and HTML alike, nothing that has no place there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from idp_bridge.domain.link import END_REASON
from idp_bridge.domain.notice import NoticeKind
from idp_bridge.outside.errors import Unreachable
from idp_bridge.outside.letter_words import BODIES, REASONS, SUBJECTS
from idp_bridge.outside.letters import compose
from idp_bridge.outside.mail import SmtpMail
from idp_bridge.services.ports import Letter
from idp_bridge.services.refusing import DENIAL_REASONS
from idp_bridge.settings import District, Mail

EVERY = [(kind, reason) for kind in NoticeKind for reason in ("", *REASONS.get(kind, {}))]
HOME = "http://localhost/children"


def letter(kind: NoticeKind, language: str = "en", reason: str = "", phone: str = "(321) 555-0152") -> Letter:
    visit = kind in (NoticeKind.REQUEST_RECEIVED, NoticeKind.VISIT_REMINDER)
    return Letter(
        id=f"{kind}:l:p",
        to="amara@mail.example",
        language=language,
        kind=kind,
        reason=reason,
        school="Lakeside & <Sons>",
        visit_by=date(2026, 12, 8) if visit else None,
        code="KRTV-MHBD" if visit else "",
        phone=phone,
        ending="4860",
        day=None if visit else date(2027, 3, 9),
    )


def words(*arguments, **more):
    return compose(letter(*arguments, **more), "Heron County Schools", "(321) 555-0142", HOME)


@pytest.mark.parametrize(("kind", "reason"), EVERY)
@pytest.mark.parametrize("language", ["en", "es", "es-MX", "vi", ""])
def test_every_kind_and_reason_has_words(kind, reason, language):
    said = words(kind, language, reason)
    assert said.language == ("es" if language.startswith("es") else "en")
    for part in (said.subject, said.text, said.html):
        assert part
        assert "%(" not in part
        assert "None" not in part
    assert "<Sons>" not in said.html
    assert f'lang="{said.language}"' in said.html
    assert "(321) 555-0142" in said.text


@pytest.mark.parametrize(("kind", "reason"), EVERY)
def test_spanish_differs_from_english_in_every_sentence(kind, reason):
    one, other = (words(kind, code, reason).text.split("\n\n")[:-1] for code in ("en", "es"))
    assert len(one) == len(other)
    assert set(one) & set(other) <= {"KRTV-MHBD"}
    assert len(one) >= 3


@pytest.mark.parametrize(("kind", "reason"), EVERY)
def test_text_and_html_say_the_same(kind, reason):
    said = words(kind, "en", reason)
    for line in said.text.split("\n\n")[:-3]:
        assert line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in said.html


def test_a_link_for_a_time_names_its_last_day_and_one_until_18_does_not():
    said = words(NoticeKind.VERIFIED).text
    assert "Your link works until Tuesday, March 9, 2027." in said
    assert "martes, 9 de marzo de 2027" in words(NoticeKind.VERIFIED, "es").text
    plain = compose(
        replace(letter(NoticeKind.VERIFIED), day=None), "Heron County Schools", "(321) 555-0142", HOME
    )
    assert "works until" not in plain.text


def test_a_decision_taken_back_says_what_holds_now_and_to_another_guardian_only_that():
    said = words(NoticeKind.TAKEN_BACK).text
    assert "took back its decision on your request for the student whose number ends in 4860." in said
    assert "Your request waits again." in said
    other = words(NoticeKind.TAKEN_BACK, "en", "another-guardian").text
    assert "Your own link has not changed." in other
    assert "4860" not in other


def test_who_holds_the_old_address_is_told_whom_to_call_and_not_led_to_an_account():
    said = words(NoticeKind.EMAIL_CHANGED)
    assert HOME not in said.text + said.html
    assert "Call (321) 555-0142 at once" in said.text
    assert HOME in words(NoticeKind.VERIFIED).text
    assert HOME in words(NoticeKind.VERIFIED).html


@pytest.mark.parametrize("reason", DENIAL_REASONS)
def test_a_refusal_says_why_whom_to_ask_and_how_to_have_it_looked_at_again(reason):
    assert reason in REASONS[NoticeKind.REFUSED]
    text = words(NoticeKind.REFUSED, "en", reason).text
    for part in ("The reason: ", "Whom to ask", "If you think this is not right", "studentprivacy.ed.gov"):
        assert part in text


def test_a_refusal_names_the_school_where_it_has_a_phone_and_else_the_district():
    assert "Ask Lakeside & <Sons>: (321) 555-0152." in words(NoticeKind.REFUSED).text
    assert "Ask the district office: (321) 555-0142." in words(NoticeKind.REFUSED, phone="").text
    for reason in ("not-entitled", "ask-district-office"):
        assert "Ask the district office" in words(NoticeKind.REFUSED, "en", reason).text


@pytest.mark.parametrize("reason", sorted(set(END_REASON.values()) - {"merged"}))
def test_an_end_says_why(reason):
    assert "The reason: " in words(NoticeKind.ENDED, "en", reason).text


def test_a_reason_without_words_sends_to_the_school():
    for kind in (NoticeKind.REFUSED, NoticeKind.ENDED):
        assert "Call the school." in words(kind, "en", "a code of tomorrow").text


def test_an_end_to_come_says_which_and_the_day():
    birthday = words(NoticeKind.ENDS_SOON, "en", "student_is_18").text
    assert "The student whose number ends in 4860 turns 18 on Tuesday, March 9, 2027." in birthday
    assert "works until Tuesday, March 9, 2027" in words(NoticeKind.ENDS_SOON, "en", "expired").text


def test_a_grant_speaks_of_the_student_and_not_of_the_school():
    text = words(NoticeKind.VERIFIED, "en", "student-consent").text
    assert "is 18 and has allowed you" in text
    assert "Lakeside" not in text


def test_another_guardian_is_told_without_any_detail():
    said = words(NoticeKind.ANOTHER_GUARDIAN)
    assert not any(word in said.text for word in ("4860", "Lakeside", "2027"))


def test_code_day_and_every_school_stand_in_the_first_mail():
    first = letter(NoticeKind.REQUEST_RECEIVED)
    both = Letter(**{name: getattr(first, name) for name in Letter.__slots__} | {"schools": ("A", "B")})
    text = compose(both, "D", "P", "U").text
    assert "KRTV-MHBD" in text
    assert "Visit A and B by Tuesday, December 8, 2026." in text


def test_every_kind_is_in_the_tables():
    assert set(SUBJECTS) == set(BODIES) == set(NoticeKind)


def test_a_closed_mail_server_is_unreachable():
    district = District(name="D", email_domains=("d.example",), help_phone="1")
    with pytest.raises(Unreachable):
        SmtpMail(Mail(host="127.0.0.1", port=1), district, "http://localhost").send(
            letter(NoticeKind.VERIFIED)
        )
