"""The visit page where more than one tick is needed: second person, district, last day, several, before."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from idp_bridge.domain.evidence import EvidenceKind
from idp_bridge.domain.link import LinkState, Move
from idp_bridge.domain.people import Parent, ParentId, Relationship, SchoolCode
from idp_bridge.domain.reasons import DENIAL_REASONS
from idp_bridge.domain.roster import RosterChanges
from idp_bridge.services.agreeing import refer_link
from idp_bridge.services.refusing import refuse_link
from idp_bridge.services.restricting import Order, place
from idp_bridge.services.verifying import record_identity, verify_link
from idp_bridge.web import wording
from tests.conftest import AMARA, IRIS, MATEO, NOW, OTHER, TEO, staff
from tests.web.families import after, asked, claim_for, links_of
from tests.web.pages import errors, text

CLERK, COLLEAGUE, PRINCIPAL = "jo.hathaway", "kim.doe", "ana.ruiz"


@pytest.fixture(autouse=True)
def _people(house):
    house.directory.people[COLLEAGUE] = staff(COLLEAGUE, "0552:office")
    house.directory.people[PRINCIPAL] = staff(PRINCIPAL, "0552:principal")
    save(house, AMARA, "Amara Quintero-Bell", "amara@mail.example")


def save(house, parent: ParentId, name: str, email: str) -> None:
    given, _, family = name.partition(" ")
    with house.store.transaction() as rows:
        rows.parents.save(Parent(parent, email, given, family, "en", NOW))


@pytest.fixture
def clerk(sign_in_staff):
    return sign_in_staff(CLERK)


def proven(house, relationship: Relationship = Relationship.PARENT, student=IRIS):
    link = asked(house, AMARA, claim_for(student, relationship))
    record_identity(house, CLERK, link.visit, SchoolCode("0552"), "passport")
    return link


def page(client, link) -> str:
    answer = client.get(f"/desk/visits/{link.visit}")
    assert answer.status_code == 200
    return answer.text


def states(house) -> dict[str, LinkState]:
    return {link.id: link.state for link in links_of(house, AMARA)}


def send(client, link, what: str, **answers: str):
    data = {f"{link.id}-{name}": value for name, value in answers.items()}
    return client.post(f"/desk/links/{link.id}/{what}", data=data, follow_redirects=True)


def send_all(client, link, answers: dict[str, str]):
    return client.post(f"/desk/visits/{link.visit}/verify", data=answers, follow_redirects=True)


# --- a second person -----------------------------------------------------------------------------


def test_the_page_says_beforehand_which_paper_needs_a_second_person(clerk, house):
    words = text(page(clerk, proven(house, Relationship.LEGAL_GUARDIAN))).split("\n")
    assert words[words.index("Court order") + 1] == "Also needs a second person"
    assert words.count("Also needs a second person") == 1


def test_from_the_first_person_to_the_second(sign_in_staff, house):
    link = proven(house, Relationship.LEGAL_GUARDIAN)
    first = send(sign_in_staff(CLERK), link, "verify", evidence="court-order")
    assert "A second person at Lakeside Elementary must agree." in text(first.text)
    assert states(house) == {link.id: LinkState.AWAITING_SECOND}
    words = text(page(sign_in_staff(CLERK), link))
    assert "You saw the papers. Now a second person must agree: a colleague at Lakeside" in words
    assert "Agree and verify" not in words
    assert "Refuse…" not in words
    words = text(page(sign_in_staff(COLLEAGUE), link))
    assert "A colleague saw: Court order, Nov 24." in words
    assert "Hathaway" not in words
    answer = send(sign_in_staff(COLLEAGUE), link, "agree")
    assert "Iris Quintero-Bell, grade 4: linked." in text(answer.text)
    assert states(house) == {link.id: LinkState.VERIFIED}


def test_the_first_person_is_told_by_every_door(clerk, house):
    link = proven(house, Relationship.LEGAL_GUARDIAN)
    verify_link(house, CLERK, link.id, "court-order")
    for answer in (
        send(clerk, link, "agree"),
        send(clerk, link, "refer"),
        clerk.get(f"/desk/links/{link.id}/refuse"),
        clerk.post(f"/desk/links/{link.id}/refuse", data={"reason": "not-the-student"}),
    ):
        assert answer.status_code == 403
        assert "A second person must do this" in text(answer.text)
    assert states(house) == {link.id: LinkState.AWAITING_SECOND}


def test_a_code_of_a_visit_that_waits_for_a_decision_opens_it(clerk, house):
    from idp_bridge.domain.visit_code import make

    link = proven(house, Relationship.LEGAL_GUARDIAN)
    verify_link(house, CLERK, link.id, "court-order")
    answer = clerk.post("/desk/find", data={"code": make(house.rules.code_key, link.visit)})
    assert answer.location == f"/desk/visits/{link.visit}"
    assert "Not decided yet" in text(page(clerk, link))


def test_the_second_person_reads_when_it_ends(sign_in_staff, house):
    link = proven(house, Relationship.CASEWORKER)
    with_second = replace(
        house.rules.evidence[Relationship.CASEWORKER],
        second_person=frozenset({EvidenceKind.AGENCY_LETTER}),
    )
    policy = {**house.rules.evidence, Relationship.CASEWORKER: with_second}
    own = replace(house, rules=replace(house.rules, evidence=policy))
    verify_link(own, CLERK, link.id, "agency-letter", date(2027, 6, 30))
    assert "It ends on June 30, 2027." in text(page(sign_in_staff(COLLEAGUE), link))


# --- the district office -------------------------------------------------------------------------


def test_what_the_district_decides_can_only_be_handed_over(clerk, house):
    link = proven(house, Relationship.SURROGATE)
    words = text(page(clerk, link))
    assert "For this relationship the district office decides." in words
    assert "Verify this link" not in words
    answer = send(clerk, link, "refer")
    assert "sent to the district office, which decides." in text(answer.text)
    words = text(page(clerk, link))
    assert "The district office decides this one." in words
    assert "Refuse…" not in words


def test_the_district_office_decides(sign_in_staff, house):
    link = proven(house, Relationship.SURROGATE)
    refer_link(house, CLERK, link.id)
    office = sign_in_staff("dee.collins")
    words = text(page(office, link))
    assert "Verify this link" in words
    assert "Refer to the district office" not in words
    answer = send(office, link, "verify", evidence="agency-letter")
    assert "linked. The parent’s apps follow" in text(answer.text)
    assert states(house) == {link.id: LinkState.VERIFIED}


def test_any_request_can_be_handed_over_once_the_identity_was_seen(clerk, house):
    link = asked(house, AMARA, claim_for(IRIS))
    assert "Refer to the district office" not in text(page(clerk, link))
    assert "Record the identity first" in text(send(clerk, link, "refer").text)
    record_identity(house, CLERK, link.visit, SchoolCode("0552"), "passport")
    assert "Refer to the district office" in text(page(clerk, link))
    send(clerk, link, "refer")
    assert states(house) == {link.id: LinkState.REFERRED}


# --- a last day ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("", "Enter the last day the paper names"),
        ("2026-11-24", "The last day must be in the future"),
        ("2099-01-01", "The last day is more than 5 years away. Check the year."),
        ("soon", "Enter the day, for example 2027-06-30"),
        ("2027-02-30", "Enter the day, for example 2027-06-30"),
    ],
)
@pytest.mark.parametrize("way", ["one", "all"])
def test_a_last_day_that_cannot_be_is_said_there_and_nothing_is_lost(clerk, house, until, words, way):
    link = proven(house, Relationship.CASEWORKER)
    fields = {f"{link.id}-evidence": "agency-letter", f"{link.id}-until": until}
    where = f"/desk/links/{link.id}/verify" if way == "one" else f"/desk/visits/{link.visit}/verify"
    answer = clerk.post(where, data=fields)
    assert answer.status_code == 422
    assert errors(answer.text) == [words]
    assert f'href="#{link.id}-until"' in answer.text
    assert answer.text.count(" checked") == 1
    assert states(house) == {link.id: LinkState.AWAITING_VISIT}


def test_a_last_day_is_asked_of_those_who_come_for_a_time_only(clerk, house):
    assert "Last day of the relationship" in text(page(clerk, proven(house, Relationship.FOSTER_PARENT)))
    assert text(page(clerk, proven(house, student=TEO))).count("Last day of the relationship") == 1


def test_a_last_day_is_kept(clerk, house):
    link = proven(house, Relationship.FOSTER_PARENT)
    send(clerk, link, "verify", evidence="placement-letter", until="2027-06-30")
    (done,) = links_of(house, AMARA)
    assert done.expires_at.isoformat() == "2027-07-01T04:00:00+00:00"


# --- several at once -----------------------------------------------------------------------------


@pytest.fixture
def two(house, clock):
    first = proven(house)
    clock.advance(seconds=1)  # the page shows the older request first
    return first, asked(house, AMARA, claim_for(TEO))


def test_all_that_was_chosen_is_verified_with_each_result_told(clerk, house, two):
    first, second = two
    assert text(page(clerk, first)).count("Verify all that was chosen") == 2  # for Enter, and to be seen
    chosen = {f"{first.id}-evidence": "school-record", f"{second.id}-evidence": "birth-certificate"}
    answer = send_all(clerk, first, chosen)
    words = text(answer.text)
    assert "Iris Quintero-Bell, grade 4: linked." in words
    assert "Teo Quintero-Bell, grade 2: linked." in words
    assert answer.request.path == "/desk"
    assert set(states(house).values()) == {LinkState.VERIFIED}


def test_only_what_was_chosen_is_verified(clerk, house, two):
    first, second = two
    answer = send_all(clerk, first, {f"{second.id}-evidence": "school-record"})
    assert answer.request.path == f"/desk/visits/{first.visit}"
    assert states(house) == {first.id: LinkState.AWAITING_VISIT, second.id: LinkState.VERIFIED}


def test_nothing_chosen_is_asked_for_at_the_first_child(clerk, house, two):
    answer = send_all(clerk, two[0], {})
    assert answer.status_code == 422
    assert errors(answer.text) == ["Choose what showed the relationship"]
    assert f'href="#{two[0].id}-evidence-0"' in answer.text


def test_one_that_cannot_be_stops_all_and_the_page_says_which(clerk, house, two):
    """The second child was put under a restriction while the page was open: nothing of it is told."""
    first, second = two
    order = Order(TEO.number, "Amara", "Quintero-Bell", True, True, "court-order", date(2027, 6, 1))
    place(house, PRINCIPAL, order)
    chosen = {f"{first.id}-evidence": "school-record", f"{second.id}-evidence": "school-record"}
    answer = send_all(clerk, first, chosen)
    words = text(answer.text)
    assert answer.status_code == 403
    assert "Teo Quintero-Bell, grade 2: Ask the principal about this one" in words
    assert "None of the students was linked." in words
    assert "restriction" not in words.lower()
    assert set(states(house).values()) == {LinkState.AWAITING_VISIT}


@pytest.mark.parametrize("move", [Move.DENY, Move.CANCEL])
def test_one_that_was_decided_meanwhile(clerk, house, two, move):
    first, second = two
    after(house, second, move, "not-the-student")
    chosen = {f"{first.id}-evidence": "school-record", f"{second.id}-evidence": "school-record"}
    answer = send_all(clerk, first, chosen)
    if move is Move.CANCEL:  # the parent took it back: there is no such child any more
        assert states(house)[first.id] is LinkState.VERIFIED
    else:
        assert answer.status_code == 409
        assert "This was decided already" in text(answer.text)
        assert states(house)[first.id] is LinkState.AWAITING_VISIT


def test_a_paper_that_is_none_of_the_list_is_said_at_its_child(clerk, house, two):
    first, second = two
    chosen = {f"{first.id}-evidence": "school-record", f"{second.id}-evidence": "agency-letter"}
    answer = send_all(clerk, first, chosen)
    assert answer.status_code == 422
    assert f'id="{second.id}-evidence-error"' in answer.text
    assert set(states(house).values()) == {LinkState.AWAITING_VISIT}


def test_a_child_of_another_school_is_not_in_the_form(clerk, house):
    link, mateo = proven(house), asked(house, AMARA, claim_for(MATEO))
    assert f'name="{mateo.id}-evidence"' not in page(clerk, link)
    chosen = {f"{link.id}-evidence": "school-record", f"{mateo.id}-evidence": "school-record"}
    assert send_all(clerk, link, chosen).status_code == 403
    assert set(states(house).values()) == {LinkState.AWAITING_VISIT}


# --- decided before ------------------------------------------------------------------------------


@pytest.fixture
def ended_before(house):
    refuse_link(house, CLERK, proven(house).id, "papers-not-genuine")
    return proven(house)


def test_a_clerk_reads_why_and_whom_to_ask(clerk, house, ended_before):
    words = text(page(clerk, ended_before))
    assert "Not confirmed before, on Nov 24: Who issued the papers does not confirm them" in words
    assert "Ask the principal about this one" in words
    assert "Verify this link" not in words
    for overrule in ("", "y"):
        answer = send(clerk, ended_before, "verify", evidence="school-record", overrule=overrule)
        assert answer.status_code == 403
    assert states(house)[ended_before.id] is LinkState.AWAITING_VISIT


def test_who_cannot_overrule_reads_the_same_of_an_earlier_end_and_of_a_restriction(clerk, house):
    """Other words for the one would tell what the neutral ones stand for."""
    refuse_link(house, CLERK, proven(house, student=IRIS).id, "papers-not-genuine")
    ended, held = proven(house), proven(house, student=TEO)
    place(
        house,
        PRINCIPAL,
        Order(TEO.number, "Amara", "Quintero-Bell", True, True, "court-order", date(2027, 6, 1)),
    )
    html = page(clerk, ended)
    first, second = (card(html, link) for link in (ended, held))
    assert alert_of(first) == alert_of(second)
    assert "Ask the principal about this one" in alert_of(first)
    earlier = re.compile(r"<p>(?:(?!</p>).)*Not confirmed before.*?</p>", re.S)
    below = [earlier.sub("", one)[earlier.sub("", one).index("</table>") :] for one in (first, second)]
    assert below[0].replace("Iris", "Teo").replace("grade 4", "grade 2") == below[1]
    answers = [send(clerk, link, "verify", evidence="school-record") for link in (ended, held)]
    assert [one.status_code for one in answers] == [403, 403]
    assert alert_of(answers[0].text) == alert_of(answers[1].text)
    assert 'role="alert"' in alert_of(answers[0].text)


def card(html: str, link) -> str:
    """Return what the page shows of one child, without the link's id."""
    found = re.search(rf'<section class="card" id="link-{link.id}">.*?</section>', html, re.S)
    return found[0].replace(link.id, "")  # type: ignore[index]


def alert_of(html: str) -> str:
    return re.search(r'<div class="alert.*?</div></div>', html, re.S)[0]  # type: ignore[index]


def test_a_refused_request_does_not_say_its_own_refusal_was_before(clerk, house):
    link = proven(house)
    refuse_link(house, CLERK, link.id, "papers-not-genuine")
    words = text(page(clerk, link))
    assert "Not confirmed" in words
    assert "Not confirmed before" not in words


def test_a_clerk_of_another_school_reads_nothing_of_it(sign_in_staff, ended_before):
    assert "Not confirmed before" not in text(page(sign_in_staff("sam.okafor"), ended_before))


def test_a_principal_ticks_and_verifies_all_the_same(sign_in_staff, house, ended_before):
    principal = sign_in_staff(PRINCIPAL)
    assert "Verify all the same" in text(page(principal, ended_before))
    answer = send(principal, ended_before, "verify", evidence="school-record")
    assert answer.status_code == 422
    assert errors(answer.text) == ["Tick this to verify all the same"]
    assert states(house)[ended_before.id] is LinkState.AWAITING_VISIT
    send(principal, ended_before, "verify", evidence="school-record", overrule="y")
    assert states(house)[ended_before.id] is LinkState.VERIFIED


def test_what_was_only_missing_is_shown_and_no_obstacle(clerk, house):
    refuse_link(house, CLERK, proven(house).id, "identity-not-shown")
    link = proven(house)
    words = text(page(clerk, link))
    assert "Not confirmed before, on Nov 24: No photo ID was shown" in words
    assert "Verify all the same" not in words
    send(clerk, link, "verify", evidence="school-record")
    assert states(house)[link.id] is LinkState.VERIFIED


def test_another_account_of_the_same_name_is_marked(sign_in_staff, house):
    save(house, OTHER, "Amara Quintero-Bell", "new@mail.example")
    asked(house, OTHER, claim_for(IRIS))
    link = proven(house)
    mark = "Another account that seems to be the same person’s asks for this student, too."
    assert mark in text(page(sign_in_staff(CLERK), link))
    assert mark not in text(page(sign_in_staff("sam.okafor"), link))
    assert "new@mail.example" not in page(sign_in_staff(CLERK), link)


# --- a student of 18, one's own case --------------------------------------------------------------


def test_a_student_of_18_cannot_be_linked_and_the_page_says_so(clerk, house):
    grown = replace(IRIS, birth_date=date(2008, 11, 24))
    with house.store.transaction() as rows:
        rows.roster.write(RosterChanges(students=(grown,)))
    link = proven(house, student=grown)
    words = text(page(clerk, link))
    assert "The student is 18. The rights over the records are the student’s own." in words
    assert "Verify this link" not in words
    assert send(clerk, link, "verify", evidence="school-record").status_code == 409
    assert "The student is 18 or older" in text(clerk.get(f"/desk/links/{link.id}/refuse").text)


def test_one_s_own_case_is_offered_to_a_colleague_and_stays_in_the_queue(sign_in_staff, house):
    link = proven(house)
    save(house, AMARA, "Jo Hathaway", "jh@mail.example")
    answer = send(sign_in_staff(CLERK), link, "verify", evidence="school-record")
    assert answer.status_code == 403
    words = text(answer.text)
    assert "A colleague at the school or the district office can decide it" in words
    colleague = sign_in_staff(COLLEAGUE)
    assert "Jo Hathaway" in text(colleague.get("/desk").text)
    send(colleague, link, "verify", evidence="school-record")
    assert states(house) == {link.id: LinkState.VERIFIED}


# --- reasons -------------------------------------------------------------------------------------


def test_staff_read_the_law_under_a_legal_reason_and_what_a_judgement_means(clerk, house):
    words = text(clerk.get(f"/desk/links/{proven(house).id}/refuse").text)
    assert "The law: 34 CFR 99.31(c)." in words
    assert words.count("Only a principal or the district office can link the two after it.") == sum(
        reason.final for reason in DENIAL_REASONS.values()
    )
    assert "Custody alone is not one: both parents have equal rights." in words


@pytest.mark.parametrize("reason", DENIAL_REASONS)
@pytest.mark.parametrize("code", ["en", "es"])
def test_the_parent_reads_what_to_do_and_whom_to_ask(sign_in_parent, house, reason, code):
    client = sign_in_parent()
    link = asked(house, AMARA, claim_for(IRIS))
    refuse_link(house, CLERK, link.id, reason)
    client.set_cookie("language", code)
    about = client.get(f"/children/{link.id}/about")
    words = text(about.text)
    assert about.status_code == 200
    with client.application.test_request_context(headers={"Cookie": f"language={code}"}):
        for line in (wording.DENIAL_ADVICE[reason], *wording.appeal(reason)):
            assert str(line) in words
    assert ("studentprivacy.ed.gov" in words) == (reason == "not-entitled")
    assert "Hathaway" not in words


# --- what the parent sees -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relationship", "act", "band", "event"),
    [
        (
            Relationship.LEGAL_GUARDIAN,
            lambda house, link: verify_link(house, CLERK, link.id, "court-order"),
            "The school is looking at it",
            "The school saw your papers",
        ),
        (
            Relationship.SURROGATE,
            lambda house, link: refer_link(house, CLERK, link.id),
            "The district office is looking at it",
            "The school sent your request to the district office",
        ),
    ],
)
def test_my_children_shows_what_is_still_looked_at(sign_in_parent, house, relationship, act, band, event):
    client = sign_in_parent()
    link = proven(house, relationship)
    act(house, link)
    words = text(client.get("/children").text)
    for expected in (band, event, "You do not need to come again; the answer stands here."):
        assert expected in words
    for secret in ("Iris", "Hathaway", "Court order", "Show my visit code"):
        assert secret not in words
    assert client.get(f"/children/{link.id}/cancel").status_code == 200
    client.post(f"/children/{link.id}/cancel")
    assert states(house) == {link.id: LinkState.CANCELLED}


def test_no_english_is_left_in_spanish(sign_in_staff, house, ended_before):
    guardian = proven(house, Relationship.LEGAL_GUARDIAN, TEO)
    verify_link(house, CLERK, guardian.id, "court-order")
    data = {
        "Lakeside Elementary", "Amara Quintero-Bell", "Amara Quintero", "Iris Quintero-Bell", "4655 4860",
        "Teo Quintero-Bell", "4661 0927", "Heron County Schools", "(321) 555-0142", "amara@mail.example",
        "Ana Ruiz", "Jo Hathaway",
    }  # fmt: skip
    for uid in (CLERK, PRINCIPAL):
        client, lines = sign_in_staff(uid), {}
        for code in ("en", "es"):
            client.set_cookie("language", code)
            lines[code] = {one for one in text(page(client, ended_before)).split("\n") if " " in one}
        assert {one for one in lines["en"] & lines["es"] if one not in data} == set()


# --- an e-mail that changed ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["verify", "verify_chosen", "agree", "paper"])
def test_an_e_mail_that_changed_is_said_on_the_visit_on_every_path(clerk, sign_in_staff, house, clock, path):
    relationship = Relationship.LEGAL_GUARDIAN if path == "agree" else Relationship.PARENT
    link = proven(house, relationship)
    if path == "agree":
        verify_link(house, CLERK, link.id, "court-order")
    clock.advance(hours=1)
    with house.store.transaction() as rows:
        rows.parents.save(replace(rows.parents.get(AMARA), email_changed_at=clock.now()))
    before = states(house)
    paper = {
        "seen_on": "2026-11-24",
        "seen_time": "10:30 am",
        "seen_by": CLERK,
        f"said-{link.id}": "shown:school-record",
    }
    answer = {
        "verify": lambda: send(clerk, link, "verify", evidence="school-record"),
        "verify_chosen": lambda: send_all(clerk, link, {f"{link.id}-evidence": "school-record"}),
        "agree": lambda: send(sign_in_staff(COLLEAGUE), link, "agree"),
        "paper": lambda: clerk.post(f"/desk/visits/{link.visit}/paper", data=paper),
    }[path]()
    words = text(answer.text)
    assert answer.status_code == 409
    assert "The e-mail of the account changed" in words
    assert "Name on account" in words  # the visit, and no page of its own
    assert states(house) == before
