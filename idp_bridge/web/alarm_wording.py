"""Say what each alarm means and what to do, for the district's page; never decides one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l


@dataclass(frozen=True, slots=True)
class AlarmWords:
    """What happened, why it matters, what to do."""

    title: Any
    means: Any
    do: Any


ALARMS = {
    "alarm:unmatched-requests": AlarmWords(
        _l("Requests that fit no child"),
        _l("One account asked several times in a day for a number and birth date that no student has."),
        _l(
            "Often a parent mistypes. Look what the account asked for. "
            "If the numbers differ each time, somebody may be trying them out: have the account closed."
        ),
    ),
    "alarm:requests-for-one-student": AlarmWords(
        _l("Many accounts ask for one child"),
        _l("More accounts than a family usually has asked for the same student number within a week."),
        _l(
            "Tell the school’s office to look twice at each visit for this child. "
            "Nobody is refused by this, and the family is not to blame."
        ),
    ),
    "alarm:verifications-by-one-person": AlarmWords(
        _l("One employee verified very many links"),
        _l("More links were verified in an hour or a day than a counter usually can."),
        _l(
            "Ask the school’s principal whether that was so. "
            "If not, take the duty away and look at the links."
        ),
    ),
    "alarm:refusal-overruled": AlarmWords(
        _l("A refusal was overruled"),
        _l("A link was verified though an earlier one of the same two was refused or ended by the school."),
        _l("Read both decisions. If the new one has no good reason, end the link."),
    ),
    "alarm:wrong-child": AlarmWords(
        _l("A parent says: this is not my child"),
        _l("A verified link may go to the wrong child, so somebody may see what they should not."),
        _l("Call the school today. Compare the papers with the link, and end it if it is wrong."),
    ),
    "alarm:restriction-namesake": AlarmWords(
        _l("A date of birth set a namesake free"),
        _l(
            "Somebody has the name of a person under a restriction. An ID with another date of birth "
            "was recorded, so the restriction does not stand against this account."
        ),
        _l(
            "Have the school’s principal compare the order with the ID. "
            "If the date was mistyped, the restriction must name the account."
        ),
    ),
    "alarm:guessing": AlarmWords(
        _l("A limit on guessing was reached"),
        _l("Very many requests or wrong visit codes came in a short time. The limit ends by itself."),
        _l(
            "Once on a busy day is normal. If it comes back, look at what was asked for, "
            "and take the account or the duty away."
        ),
    ),
    "alarm:accounts-gone": AlarmWords(
        _l("Many accounts are gone at once"),
        _l(
            "More accounts disappeared from Keycloak within an hour than parents delete. No further "
            "links end because of it."
        ),
        _l(
            "Look whether the realm was lost or an old backup is running. Restore it, then compare "
            "all accounts."
        ),
    ),
    "alarm:tampered": AlarmWords(
        _l("Somebody changed Keycloak behind the bridge"),
        _l(
            "A parent’s links, a password or a part of the realm was changed there by somebody else. "
            "Links were written again as the schools decided."
        ),
        _l(
            "Read in Keycloak’s admin events who it was. If nobody meant it, change the keys and "
            "that person’s password."
        ),
    ),
    "alarm:revision-ahead": AlarmWords(
        _l("Keycloak knows more than the bridge"),
        _l(
            "A parent’s account holds a later state than our database, as after an old backup. "
            "Until somebody decides, only links that end are taken away there."
        ),
        _l(
            "Open the account on the projection page, compare both sides, and go on with ours if "
            "they are right."
        ),
    ),
    "alarm:district-address": AlarmWords(
        _l("A parent’s account took a district e-mail"),
        _l(
            "The e-mail of a parent’s account was changed to one of the district. Its links stay, "
            "and it gets no new one."
        ),
        _l(
            "Ask whose account it is. Employees sign in with their own account, and parents keep a "
            "private e-mail."
        ),
    ),
    "alarm:edit-undone": AlarmWords(
        _l("A parent’s own change was written over"),
        _l(
            "A parent changed the name or e-mail of the account. Within minutes the bridge, or an "
            "administrator’s page, wrote the old one over it. The bridge gives back what it wrote over "
            "itself."
        ),
        _l(
            "The audit says who it was and whether it was given back. If not, ask the parent and set it "
            "in Keycloak, unless an administrator meant it."
        ),
    ),
}

BY = {
    "account": _l("by one account"),
    "address": _l("from one network address"),
    "number": _l("for one student number"),
    "code": _l("wrong codes at one desk"),
}
"""What a limit on guessing was counted by."""
