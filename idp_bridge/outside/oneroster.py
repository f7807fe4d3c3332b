"""Read schools, students and guardians out of a OneRoster 1.1 or 1.2 bundle; never changes a row."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

from idp_bridge.domain.people import (
    STUDENT_NUMBER_LENGTH,
    GuardianHint,
    School,
    SchoolCode,
    Student,
    StudentId,
    read_student_number,
)
from idp_bridge.domain.roster import Roster
from idp_bridge.outside.roster_bundle import Bundle, Row, open_bundle, stop_on_faults

GUARDIAN_ROLES = ("parent", "guardian", "relative")
LONGEST_GRADE = 20
"""A student's only: a teacher's may list all grades of a school."""


def read_bundle(source: Path, today: date) -> Roster:
    """Return the roster in `source` as it stands on `today` (a day in the district's time zone).

    Raises RosterRefused with every fault found.
    """
    bundle, version = open_bundle(source)
    schools = _schools(bundle)
    roles = _roles_12(bundle, today) if version == "1.2" else _roles_11(bundle)
    students = _students(bundle, schools, roles, _birth_dates(bundle, today))
    if not students and not bundle.faults:
        bundle.fault("users.csv: no enabled student in the bundle; all would be withdrawn")
    hints = _hints(bundle, students, roles)
    stop_on_faults(bundle)
    return Roster(tuple(schools.values()), tuple(students.values()), hints)


def _schools(bundle: Bundle) -> dict[str, School]:
    """Return org sourcedId -> school, for every org with an identifier (its school code)."""
    schools: dict[str, School] = {}
    codes: dict[str, int] = {}
    for line, row in bundle.rows("orgs.csv"):
        code = row["identifier"]
        if not code:
            continue
        if not row["name"] or not row["sourcedId"]:
            bundle.fault(f"orgs.csv line {line}: sourcedId and name must not be empty")
        if code in codes:
            bundle.fault(f"orgs.csv line {line}: identifier {code} stands in line {codes[code]} already")
        if row["sourcedId"] in schools:
            bundle.fault(
                f"orgs.csv line {line}: sourcedId {row['sourcedId']} stands in an earlier line already"
            )
        codes.setdefault(code, line)
        schools[row["sourcedId"]] = School(
            SchoolCode(code),
            row["name"],
            row.get("metadata.address", ""),
            row.get("metadata.officeHours", ""),
            row.get("metadata.phone", ""),
        )
    return schools


Roles = dict[str, list[tuple[str, str]]]
"""User sourcedId -> (role, org sourcedId), the primary one first."""


def _roles_11(bundle: Bundle) -> Roles:
    roles: Roles = {}
    for _, row in bundle.rows("users.csv"):
        orgs = _list(row["orgSourcedIds"]) or [""]
        roles[row["sourcedId"]] = [(row["role"].lower(), org) for org in orgs]
    return roles


def _roles_12(bundle: Bundle, today: date) -> Roles:
    """Return the roles that have not ended; one that begins later counts, so families can be early."""
    roles: Roles = defaultdict(list)
    for line, row in bundle.rows("roles.csv"):
        end = _date(bundle, "roles.csv", line, row, "endDate")
        if end and end < today:
            continue
        pair = (row["role"].lower(), row["orgSourcedId"])
        if row.get("roleType", "").lower() == "primary":
            roles[row["userSourcedId"]].insert(0, pair)
        else:
            roles[row["userSourcedId"]].append(pair)
    return roles


def _students(
    bundle: Bundle, schools: dict[str, School], roles: Roles, births: dict[str, date]
) -> dict[str, Student]:
    students: dict[str, Student] = {}
    numbers: dict[str, int] = {}
    seen: dict[str, int] = {}
    for line, row in bundle.rows("users.csv"):
        key = row["sourcedId"]
        if key in seen:
            bundle.fault(f"users.csv line {line}: sourcedId {key} stands in line {seen[key]} already")
        seen[key] = line
        orgs = [org for role, org in roles.get(key, ()) if role == "student"]
        if orgs and row.get("enabledUser", "true").lower() != "false":
            student = _student(bundle, line, row, schools, orgs[0], births)
            if student and student.number in numbers:
                first = numbers[student.number]
                bundle.fault(
                    f"users.csv line {line}: identifier {student.number} stands in line {first} already"
                )
            if student:
                numbers[student.number] = line
                students[key] = student
    return students


def _student(
    bundle: Bundle, line: int, row: Row, schools: dict[str, School], org: str, births: dict[str, date]
) -> Student | None:
    number = read_student_number(row["identifier"])
    school = schools.get(org)
    birth_date = births.get(row["sourcedId"])
    if number is None:
        bundle.fault(
            f"users.csv line {line}: identifier {row['identifier']!r} is no student number "
            f"of {STUDENT_NUMBER_LENGTH} digits"
        )
    if school is None:
        bundle.fault(f"users.csv line {line}: org {org!r} is not in orgs.csv or has no identifier")
    if birth_date is None:
        bundle.fault(f"users.csv line {line}: no birthDate for {row['sourcedId']} in demographics.csv")
    if len(row.get("grades", "")) > LONGEST_GRADE:
        bundle.fault(f"users.csv line {line}: grades is longer than {LONGEST_GRADE} characters")
    if number is None or school is None or birth_date is None:
        return None
    return Student(
        StudentId(row["sourcedId"]),
        number,
        row["givenName"],
        row["familyName"],
        birth_date,
        school.code,
        row.get("grades", ""),
    )


def _birth_dates(bundle: Bundle, today: date) -> dict[str, date]:
    births: dict[str, date] = {}
    for line, row in bundle.rows("demographics.csv"):
        born = _date(bundle, "demographics.csv", line, row, "birthDate")
        if born and born > today:
            bundle.fault(f"demographics.csv line {line}: birthDate {born} is in the future")
        if born and births.setdefault(row["sourcedId"], born) != born:
            bundle.fault(f"demographics.csv line {line}: another birthDate for {row['sourcedId']}")
    return births


def _date(bundle: Bundle, name: str, line: int, row: Row, column: str) -> date | None:
    text = row.get(column, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        bundle.fault(f"{name} line {line}: {column} {text!r} is no date like 2016-03-09")
        return None


def _hints(
    bundle: Bundle, students: dict[str, Student], roles: Roles
) -> dict[StudentId, tuple[GuardianHint, ...]]:
    """Return the guardians of each student; `agentSourcedIds` may stand on either side."""
    people = {row["sourcedId"]: row for _, row in bundle.rows("users.csv")}
    pairs: dict[StudentId, set[str]] = defaultdict(set)
    for key, row in people.items():
        for other in _list(row["agentSourcedIds"]):
            if key in students:
                pairs[students[key].id].add(other)
            elif other in students:
                pairs[students[other].id].add(key)
    hints = {}
    for student, guardians in pairs.items():
        found = (_hint(student, people.get(one), roles.get(one, ())) for one in sorted(guardians))
        hints[student] = tuple(hint for hint in found if hint)
    return hints


def _hint(
    student: StudentId, row: Row | None, roles: list[tuple[str, str]] | tuple[()]
) -> GuardianHint | None:
    role = next((role for role, _ in roles if role in GUARDIAN_ROLES), None)
    if row is None or role is None:
        return None
    return GuardianHint(
        student,
        row["sourcedId"],
        row["givenName"],
        row["familyName"],
        role,
        row.get("email", ""),
        row.get("phone", ""),
    )


def _list(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(",") if part.strip()]
