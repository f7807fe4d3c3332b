"""Put a letter into words, text and HTML, in the parent's language; never decides whether one is sent."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from babel.dates import format_date
from babel.support import NullTranslations, Translations

from idp_bridge.domain.notice import NoticeKind
from idp_bridge.services.ports import Letter

CATALOGUES = Path(__file__).parents[1] / "web" / "translations"


def N_(text: str) -> str:
    """Mark words for the catalogue."""
    return text


SUBJECTS = {
    NoticeKind.REQUEST_RECEIVED: N_("Your visit code for %(school)s"),
    NoticeKind.VISIT_REMINDER: N_("Your visit to %(school)s is still open"),
    NoticeKind.VERIFIED: N_("Your child is linked to your account"),
    NoticeKind.REFUSED: N_("The school could not confirm your request"),
    NoticeKind.LAPSED: N_("The time for your visit is over"),
    NoticeKind.ENDED: N_("A link to a student has ended"),
    NoticeKind.ANOTHER_GUARDIAN: N_("Another guardian was linked to a student of yours"),
}

BODIES = {
    NoticeKind.REQUEST_RECEIVED: (
        N_("You asked to be linked to a student. Your visit code is %(code)s."),
        N_("Visit %(school)s by %(day)s. Bring the code and your photo ID."),
        N_("What else to bring stands on your slip under My children."),
    ),
    NoticeKind.VISIT_REMINDER: (
        N_("Your visit code %(code)s is good until %(day)s."),
        N_("Visit %(school)s with the code and your photo ID. It takes about 10 minutes."),
    ),
    NoticeKind.VERIFIED: (
        N_("%(school)s confirmed your request. From now on your sign-in opens the district’s apps."),
    ),
    NoticeKind.REFUSED: (
        N_("%(school)s could not confirm your request to be linked to a student."),
        N_("The reason, what you can do and how to have it looked at again stand under My children."),
    ),
    NoticeKind.LAPSED: (
        N_("Nobody came with your visit code, so the request has ended. Nothing was lost."),
        N_("You can ask again at any time and get a new code at once."),
    ),
    NoticeKind.ENDED: (
        N_("A link between your account and a student has ended."),
        N_("When and why stands under My children."),
    ),
    NoticeKind.ANOTHER_GUARDIAN: (
        N_("The school linked another guardian to a student you are linked to."),
        N_("Your own link has not changed. If you have questions, call the school."),
    ),
}
CLOSING = N_("My children: %(url)s")
HELP = N_("Help: %(phone)s")

HTML = """<!doctype html><html lang="{language}"><body style="margin:0;background:#f1f5f5;color:#14282e">
<div style="max-width:34rem;margin:0 auto;padding:1.5rem;font:1rem/1.5 sans-serif">
<p style="font-weight:700;color:#0d5868">{district}</p>
<div style="background:#fff;border-radius:.5rem;padding:1.5rem">
<h1 style="font-size:1.25rem;margin:0 0 1rem">{subject}</h1>
{paragraphs}
<p><a href="{url}" style="color:#0d5868">{url}</a></p></div>
<p style="color:#4a5d64">{help}</p></div></body></html>
"""


@dataclass(frozen=True, slots=True)
class Words:
    """A letter in words."""

    language: str
    subject: str
    text: str
    html: str


def compose(letter: Letter, district: str, help_phone: str, url: str) -> Words:
    """Return `letter` in its language, English where we have none."""
    catalogue, language = _catalogue(letter.language)
    facts = {
        "school": letter.school,
        "code": letter.code,
        "day": format_date(letter.visit_by, "full", language) if letter.visit_by else "",
        "url": url,
        "phone": help_phone,
    }

    def say(words: str) -> str:
        return str(catalogue.ugettext(words)) % facts

    subject, body = say(SUBJECTS[letter.kind]), [say(line) for line in BODIES[letter.kind]]
    paragraphs = "\n".join(f"<p>{escape(line)}</p>" for line in body)
    html = HTML.format(
        language=language,
        district=escape(district),
        subject=escape(subject),
        paragraphs=paragraphs,
        url=escape(url),
        help=escape(say(HELP)),
    )
    return Words(language, subject, "\n\n".join([*body, say(CLOSING), say(HELP), district]), html)


def _catalogue(language: str) -> tuple[NullTranslations, str]:
    known = language.partition("-")[0].lower()
    found = Translations.load(str(CATALOGUES), [known], domain="messages")
    return (found, known) if isinstance(found, Translations) else (NullTranslations(), "en")
