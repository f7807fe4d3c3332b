"""Hold the words of every mail, part by part, marked for the catalogue; never puts one together.

No mail names a child: the last digits of the student number tell a parent which one it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from idp_bridge.domain.link import CONSENT
from idp_bridge.domain.notice import NoticeKind


def N_(text: str) -> str:
    """Mark words for the catalogue."""
    return text


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines of a mail, under a title or none. The line CODE is set large."""

    lines: tuple[str, ...]
    title: str = ""


CODE = "%(code)s"

SUBJECTS = {
    NoticeKind.REQUEST_RECEIVED: N_("Your visit code for %(school)s"),
    NoticeKind.VISIT_REMINDER: N_("Your visit to %(school)s is still open"),
    NoticeKind.VERIFIED: N_("A student is linked to your account"),
    NoticeKind.REFUSED: N_("The school could not confirm your request"),
    NoticeKind.LAPSED: N_("The time for your visit is over"),
    NoticeKind.ENDS_SOON: N_("A link to a student ends soon"),
    NoticeKind.ENDED: N_("A link to a student has ended"),
    NoticeKind.MOVED: N_("Your links are in your new account now"),
    NoticeKind.EMAIL_CHANGED: N_("The e-mail of your parent account was changed"),
    NoticeKind.ANOTHER_GUARDIAN: N_("Another guardian was linked to a student of yours"),
    NoticeKind.TAKEN_BACK: N_("The school took back its decision"),
}

BODIES: Mapping[NoticeKind, tuple[str, ...]] = {
    NoticeKind.REQUEST_RECEIVED: (
        N_("You asked to be linked to a student. Your visit code is:"),
        CODE,
        N_("Visit %(schools)s by %(day)s. Bring the code and your photo ID."),
        N_("What else to bring stands on your slip under My children."),
    ),
    NoticeKind.VISIT_REMINDER: (
        N_("Your visit code is good until %(day)s:"),
        CODE,
        N_("Visit %(schools)s with the code and your photo ID. It takes about 10 minutes."),
        N_("If you cannot come in time, nothing is lost: you can ask again and get a new code at once."),
    ),
    NoticeKind.VERIFIED: (
        N_("%(school)s confirmed your request for the student whose number ends in %(ending)s."),
        N_("From now on your sign-in opens the district’s apps for this student."),
    ),
    NoticeKind.REFUSED: (
        N_("%(school)s could not confirm your request for the student whose number ends in %(ending)s."),
    ),
    NoticeKind.LAPSED: (
        N_("Nobody came with your visit code, so the request has ended. Nothing was lost."),
        N_("You can ask again at any time and get a new code at once."),
    ),
    NoticeKind.ENDS_SOON: (),
    NoticeKind.ENDED: (
        N_("Your link to the student whose number ends in %(ending)s has ended."),
        N_("The district’s apps no longer show this student to you."),
    ),
    NoticeKind.MOVED: (
        N_("The school moved your links to students from your old account to your new one."),
        N_("From now on, sign in with the new account. The old one opens nothing any more."),
    ),
    NoticeKind.EMAIL_CHANGED: (
        N_("Your parent account has another e-mail address now. We send this to the address it had before."),
        N_("If you changed it, there is nothing to do but to sign in once with the new address."),
    ),
    NoticeKind.ANOTHER_GUARDIAN: (
        N_("The school linked another guardian to a student you are linked to."),
        N_("Your own link has not changed. If you have questions, call the school."),
    ),
    NoticeKind.TAKEN_BACK: (
        N_(
            "%(school)s took back its decision on your request for the student whose number ends in "
            "%(ending)s. What our last mail said does not hold any more."
        ),
        N_(
            "Your request waits again. We write to you when the school has decided. If it asks you to come "
            "again, your visit code under My children is good until %(day)s."
        ),
    ),
}
"""What every mail of a kind says first."""

ASK_SCHOOL, ASK_DISTRICT = N_("Ask %(school)s: %(phone)s."), N_("Ask the district office: %(help)s.")
CALL_US = N_("Call the school. They can tell you what to do next.")

REASONS: Mapping[NoticeKind, Mapping[str, tuple[str, ...]]] = {
    NoticeKind.VERIFIED: {
        CONSENT: (
            N_(
                "The student whose number ends in %(ending)s is 18 and has allowed you to see some of their "
                "school records again."
            ),
            N_("Your sign-in opens the district’s apps for it. The student can take it back at any time."),
        ),
    },
    NoticeKind.REFUSED: {
        "identity-not-shown": (
            N_("The reason: the school did not see a photo ID."),
            N_(
                "Ask again and bring one: a driver license, a passport, a consular or military ID, or "
                "another photo ID."
            ),
        ),
        "relationship-not-shown": (
            N_("The reason: the school did not see what shows that you may act for this child."),
            N_("Ask again and bring one of the papers your visit slip lists."),
        ),
        "not-the-student": (
            N_("The reason: the student number, the date of birth or the school did not fit."),
            N_("Look at the report card, then ask again."),
        ),
        "request-by-mistake": (
            N_("The reason: the request was made by mistake."),
            N_("If you still need the link, ask again."),
        ),
        "student-is-18": (
            N_("The reason: the law gives the rights over school records to a student of 18 or more."),
            N_("Ask the student, or call the school."),
        ),
        "papers-not-genuine": (
            N_("The reason: the office that issues papers like yours did not confirm them."),
            N_("Ask that office for new ones, and call the school before you come."),
        ),
        "not-entitled": (
            N_("The reason: the school did not find that the law lets you act for this student."),
            N_("The district office can tell you what this rests on and what you can do."),
        ),
        "ask-district-office": (
            N_("The reason: the district office decides this request."),
            N_("Call them; they can tell you what to do."),
        ),
    },
    NoticeKind.TAKEN_BACK: {
        "another-guardian": (
            N_(
                "We wrote to you that another guardian was linked to a student you are linked to. The school "
                "took that link back for now."
            ),
            N_("Your own link has not changed. If you have questions, call the school."),
        ),
    },
    NoticeKind.ENDS_SOON: {
        "student_is_18": (
            N_("The student whose number ends in %(ending)s turns 18 on %(day)s."),
            N_(
                "From that day the law gives the rights over school records to the student, and your link "
                "ends by itself."
            ),
            N_(
                "The student can allow you to see them again: signed in here with the student’s own "
                "district account."
            ),
        ),
        "expired": (
            N_("Your link to the student whose number ends in %(ending)s works until %(day)s."),
            N_("If you still act for the student then, ask again and visit the school with current papers."),
        ),
    },
    NoticeKind.ENDED: {
        "revoked": (
            N_("The reason: the school or the district ended it."),
            N_("If you think this is not right, call the school: they can tell you more."),
        ),
        "left": (N_("The reason: you ended it yourself. You can ask again at any time."),),
        "expired": (
            N_("The reason: it was made for a certain time, and the time is over."),
            N_("You can ask again and visit the school with current papers."),
        ),
        "student_is_18": (
            N_("The reason: the student turned 18, so the records are now the student’s own."),
            N_(
                "The student can allow you to see them again: signed in here with the student’s own "
                "district account."
            ),
        ),
        "withdrew": (
            N_("The reason: the student left the district’s schools."),
            N_("If the student comes back to one of our schools, you can ask to be linked again."),
        ),
        "consent_withdrawn": (
            N_("The reason: the student, who is 18, no longer allows it."),
            N_("Only the student can change that."),
        ),
    },
}
"""What follows for each reason of a refusal or an end, or for how a link came to be."""

ONLY_REASON = frozenset({(NoticeKind.VERIFIED, CONSENT), (NoticeKind.TAKEN_BACK, "another-guardian")})
"""Where the words of the reason stand for the whole mail."""

WHOLE = frozenset({NoticeKind.VERIFIED, NoticeKind.TAKEN_BACK})
"""What says enough without a reason."""

UNTIL = N_("Your link works until %(day)s. We write to you again before that day.")
"""What a link ends with, where that is before the student is 18."""

DISTRICT_TELLS = frozenset({"not-entitled", "ask-district-office"})
"""Reasons about which the district office can say more than the school."""

APPEAL = Part(
    (
        N_(
            "Ask the principal or the district office to look at it again, by phone or in person. Bring "
            "every paper that can help."
        ),
        N_(
            "If you still do not agree, you can write to the Student Privacy Policy Office of the "
            "U.S. Department of Education: studentprivacy.ed.gov."
        ),
    ),
    N_("If you think this is not right"),
)
WHOM_TO_ASK = N_("Whom to ask")
NOT_YOU = {
    NoticeKind.EMAIL_CHANGED: Part(
        (N_("Call %(help)s at once, so that nobody else can use the account."),),
        N_("If it was not you"),
    ),
    NoticeKind.MOVED: Part(
        (N_("Call %(help)s at once: somebody may have used your name."),),
        N_("If you did not ask the school for it"),
    ),
}
CLOSING = N_("My children: %(url)s")
BUTTON = N_("Open My children")
HELP = N_("Help: %(help)s")
