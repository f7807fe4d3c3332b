"""Letters in words: complete in each language, text and HTML alike, nothing that has no place there."""

from __future__ import annotations

from datetime import date

import pytest

from idp_bridge.domain.notice import NoticeKind
from idp_bridge.outside.errors import Unreachable
from idp_bridge.outside.letters import compose
from idp_bridge.outside.mail import SmtpMail
from idp_bridge.services.ports import Letter
from idp_bridge.settings import District, Mail


def letter(kind: NoticeKind, language: str = "en") -> Letter:
    return Letter(
        f"{kind}:l:p",
        "amara@mail.example",
        language,
        kind,
        "",
        "Lakeside & <Sons>",
        date(2026, 12, 8),
        "KRTV-MHBD",
    )


@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("language", ["en", "es", "es-MX", "vi", ""])
def test_every_kind_has_words(kind, language):
    words = compose(
        letter(kind, language), "Heron County Schools", "(321) 555-0142", "http://localhost/children"
    )
    assert words.language == ("es" if language.startswith("es") else "en")
    for part in (words.subject, words.text, words.html):
        assert part
        assert "%(" not in part
    assert "http://localhost/children" in words.text
    assert "http://localhost/children" in words.html
    assert "<Sons>" not in words.html
    assert f'lang="{words.language}"' in words.html


def test_spanish_differs_from_english_in_every_sentence():
    for kind in NoticeKind:
        one, other = (
            compose(letter(kind, code), "D", "P", "U").text.split("\n\n")[:-1] for code in ("en", "es")
        )
        assert len(one) == len(other)
        assert not set(one) & set(other)


def test_code_and_day_stand_in_the_first_mail():
    text = compose(letter(NoticeKind.REQUEST_RECEIVED), "D", "P", "U").text
    assert "KRTV-MHBD" in text
    assert "Tuesday, December 8, 2026" in text


def test_a_closed_mail_server_is_unreachable():
    district = District(name="D", email_domains=("d.example",), help_phone="1")
    with pytest.raises(Unreachable):
        SmtpMail(Mail(host="127.0.0.1", port=1), district, "http://localhost").send(
            letter(NoticeKind.VERIFIED)
        )
