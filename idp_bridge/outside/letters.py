"""Put a letter into words, text and HTML, in the parent's language; never decides whether one is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from babel.dates import format_date
from babel.lists import format_list
from babel.support import NullTranslations, Translations

from idp_bridge.domain.notice import NoticeKind
from idp_bridge.outside import letter_words as words_of
from idp_bridge.outside.letter_words import CODE, Part
from idp_bridge.services.ports import Letter

CATALOGUES = Path(__file__).parents[1] / "web" / "translations"

HTML = """<!doctype html><html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{subject}</title></head>
<body style="margin:0;background:#f1f5f5;color:#14282e">
<div role="main" style="max-width:34rem;margin:0 auto;padding:1.5rem 1rem;font:1rem/1.5 system-ui,sans-serif">
<p style="font-weight:700;color:#0d5868;margin:0 0 1rem">{district}</p>
<div style="background:#fff;border-radius:1rem;padding:1.5rem">
<h1 style="font-size:1.375rem;line-height:1.25;margin:0 0 1rem">{subject}</h1>
{parts}
{button}</div>
<p style="color:#4a5d64">{help}</p></div></body></html>
"""
TITLE = '<h2 style="font-size:1rem;margin:1.5rem 0 .25rem">{}</h2>'
LINE = '<p style="margin:0 0 .75rem">{}</p>'
LARGE = (
    '<p dir="ltr" style="margin:0 0 .75rem;padding:.75rem;background:#f1f5f5;border-radius:.5rem;'
    'text-align:center;font:700 1.5rem/1.2 ui-monospace,monospace;letter-spacing:.06em">{}</p>'
)
BUTTON = (
    '<p style="margin:1.5rem 0 0"><a href="{url}" style="display:inline-block;background:#0d5868;color:#fff;'
    'padding:.75rem 1.25rem;border-radius:.5rem;font-weight:700;text-decoration:none">{words}</a></p>'
    '<p style="margin:.75rem 0 0;font-size:.875rem;overflow-wrap:anywhere"><a href="{url}" '
    'style="color:#0d5868">{url}</a></p>'
)


@dataclass(frozen=True, slots=True)
class Words:
    """A letter in words."""

    language: str
    subject: str
    text: str
    html: str


class _Voice:
    """Says marked words in one language, with the facts of one letter in them."""

    def __init__(self, letter: Letter, help_phone: str, url: str) -> None:
        self._catalogue, self.language = _catalogue(letter.language)
        schools = letter.schools or (letter.school,)
        day = letter.visit_by or letter.day
        self._facts = {
            "school": letter.school,
            "schools": format_list(schools, locale=self.language),
            "code": letter.code,
            "ending": letter.ending,
            "day": format_date(day, "full", self.language) if day else "",
            "phone": letter.phone,
            "help": help_phone,
            "url": url,
        }

    def say(self, words: str) -> str:
        return str(self._catalogue.ugettext(words) if words else "") % self._facts


def compose(letter: Letter, district: str, help_phone: str, url: str) -> Words:
    """Return `letter` in its language, English where we have none."""
    voice = _Voice(letter, help_phone, url)
    parts = tuple(_parts(letter))
    subject = voice.say(words_of.SUBJECTS[letter.kind])
    said = [voice.say(line) for part in parts for line in (part.title, *part.lines) if line]
    closing = [voice.say(words_of.CLOSING)] if _leads_home(letter) else []
    text = "\n\n".join([*said, *closing, voice.say(words_of.HELP), district])
    return Words(voice.language, subject, text, _html(voice, letter, parts, district, url))


def _parts(letter: Letter) -> Iterator[Part]:
    """Yield what the letter says: the kind's own words, those of its reason, whom to ask, how to appeal."""
    kind, reasons = letter.kind, words_of.REASONS.get(letter.kind, {})
    first = () if (kind, letter.reason) in words_of.ONLY_REASON else words_of.BODIES[kind]
    unknown = (words_of.CALL_US,) if reasons and kind not in words_of.WHOLE else ()
    until = (words_of.UNTIL,) if kind is NoticeKind.VERIFIED and letter.day else ()
    yield Part((*first, *reasons.get(letter.reason, unknown), *until))
    if kind is NoticeKind.REFUSED:
        yield Part((_whom_to_ask(letter),), words_of.WHOM_TO_ASK)
        yield words_of.APPEAL
    if kind in words_of.NOT_YOU:
        yield words_of.NOT_YOU[kind]


def _whom_to_ask(letter: Letter) -> str:
    by_school = letter.phone and letter.reason not in words_of.DISTRICT_TELLS
    return words_of.ASK_SCHOOL if by_school else words_of.ASK_DISTRICT


def _leads_home(letter: Letter) -> bool:
    """Tell whether the reader has a page here: whoever holds the address an account had before has none."""
    return letter.kind is not NoticeKind.EMAIL_CHANGED


def _html(voice: _Voice, letter: Letter, parts: tuple[Part, ...], district: str, url: str) -> str:
    rows = []
    for part in parts:
        if part.title:
            rows.append(TITLE.format(escape(voice.say(part.title))))
        rows += [(LARGE if line == CODE else LINE).format(escape(voice.say(line))) for line in part.lines]
    button = BUTTON.format(url=escape(url), words=escape(voice.say(words_of.BUTTON)))
    return HTML.format(
        language=voice.language,
        district=escape(district),
        subject=escape(voice.say(words_of.SUBJECTS[letter.kind])),
        parts="\n".join(rows),
        button=button if _leads_home(letter) else "",
        help=escape(voice.say(words_of.HELP)),
    )


def _catalogue(language: str) -> tuple[NullTranslations, str]:
    known = language.partition("-")[0].lower()
    found = Translations.load(str(CATALOGUES), [known], domain="messages")
    return (found, known) if isinstance(found, Translations) else (NullTranslations(), "en")
