"""Write the sample district: a OneRoster 1.2 bundle, an LDIF tree, a list of accounts; never reads one."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

from idp_bridge.domain.people import GuardianHint, Student
from idp_bridge.services.sampling import OFFICE, SampleDistrict, SampleStaff

BASE_DN = "dc=district,dc=example"
MAIL_DOMAIN = "district.example"
PASSWORD = "Password-1"  # noqa: S105 - of every invented person; the tree runs on loopback only
STAMP = "2026-08-10T00:00:00.000Z"


def write_sample(
    district: SampleDistrict, folder: Path, *, bridge_password: str, keycloak_password: str
) -> None:
    """Write `oneroster/`, `oneroster.zip`, `district.ldif` and `sample.json` into `folder`."""
    bundle = folder / "oneroster"
    bundle.mkdir(parents=True, exist_ok=True)
    files = oneroster_files(district)
    for name, text in files.items():
        (bundle / name).write_text(text, encoding="utf-8", newline="")
    with zipfile.ZipFile(folder / "oneroster.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)  # its fixed time keeps the file the same each time
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    tree = ldif(district, bridge_password=bridge_password, keycloak_password=keycloak_password)
    (folder / "district.ldif").write_text(tree, encoding="utf-8")
    (folder / "sample.json").write_text(json.dumps(accounts(district), indent=1), encoding="utf-8")


# --- OneRoster -----------------------------------------------------------------------------------


def oneroster_files(district: SampleDistrict) -> dict[str, str]:
    """Return file name -> CSV text of a OneRoster 1.2 bulk bundle."""
    return {
        "manifest.csv": _csv(("propertyName", "value"), _manifest()),
        "orgs.csv": _csv(
            (
                "sourcedId", "status", "dateLastModified", "name", "type", "identifier", "parentSourcedId",
                "metadata.address", "metadata.officeHours", "metadata.phone",
            ),
            (
                (
                    f"org-{school.code}", "active", STAMP, school.name,
                    "district" if school.code == OFFICE else "school", school.code,
                    "" if school.code == OFFICE else f"org-{OFFICE}",
                    school.address, school.office_hours, school.phone,
                )
                for school in district.schools
            ),
        ),
        "users.csv": _csv(
            (
                "sourcedId", "status", "dateLastModified", "enabledUser", "username", "userIds", "givenName",
                "familyName", "middleName", "identifier", "email", "sms", "phone", "agentSourcedIds",
                "grades",
            ),
            (*_student_rows(district), *_guardian_rows(district), *_staff_rows(district)),
        ),
        "roles.csv": _csv(
            ("sourcedId", "status", "dateLastModified", "userSourcedId", "roleType", "role", "orgSourcedId"),
            _role_rows(district),
        ),
        "demographics.csv": _csv(
            ("sourcedId", "status", "dateLastModified", "birthDate"),
            ((s.id, "active", STAMP, s.birth_date.isoformat()) for s in district.students),
        ),
    }  # fmt: skip


def _manifest() -> Iterable[tuple[str, str]]:
    bulk = {"orgs", "users", "roles", "demographics"}
    absent = {"academicSessions", "classes", "courses", "enrollments"}
    return (
        ("manifest.version", "1.0"),
        ("oneroster.version", "1.2"),
        *((f"file.{name}", "bulk" if name in bulk else "absent") for name in sorted(bulk | absent)),
        ("source.systemName", "idp-bridge sample"),
        ("source.systemCode", "sample"),
    )


def _student_rows(district: SampleDistrict) -> Iterable[tuple[str, ...]]:
    for s in district.students:
        agents = ",".join(hint.sourced_id for hint in district.hints.get(s.id, ()))
        yield (
            s.id, "active", STAMP, "true", s.number, "", s.given_name, s.family_name, "", s.number,
            "", "", "", agents, s.grade,
        )  # fmt: skip


def _guardians(district: SampleDistrict) -> dict[str, tuple[GuardianHint, list[str]]]:
    found: dict[str, tuple[GuardianHint, list[str]]] = {}
    for student, hints in district.hints.items():
        for hint in hints:
            found.setdefault(hint.sourced_id, (hint, []))[1].append(student)
    return found


def _guardian_rows(district: SampleDistrict) -> Iterable[tuple[str, ...]]:
    for sourced_id, (hint, students) in _guardians(district).items():
        yield (
            sourced_id, "active", STAMP, "true", "", "", hint.given_name, hint.family_name, "", "",
            hint.email, "", hint.phone, ",".join(students), "",
        )  # fmt: skip


def _staff_rows(district: SampleDistrict) -> Iterable[tuple[str, ...]]:
    for person in district.staff:
        yield (
            f"e-{person.uid}", "active", STAMP, "true", person.uid, "", person.given_name,
            person.family_name, "", person.uid, f"{person.uid}@{MAIL_DOMAIN}", "", "", "", "",
        )  # fmt: skip


def _role_rows(district: SampleDistrict) -> Iterable[tuple[str, ...]]:
    duty = {"principal": "principal", "teacher": "teacher"}
    triples: list[tuple[str, str, str]] = [(s.id, "student", s.school) for s in district.students]
    triples += [(key, hint.role, OFFICE) for key, (hint, _) in _guardians(district).items()]
    triples += [(f"e-{p.uid}", duty.get(p.kind, "siteAdministrator"), p.school) for p in district.staff]
    for user, role, school in triples:
        yield (f"r-{user}", "active", STAMP, user, "primary", role, f"org-{school}")


def _csv(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


# --- LDAP ----------------------------------------------------------------------------------------


def ldif(district: SampleDistrict, *, bridge_password: str, keycloak_password: str) -> str:
    """Return the district's tree as LDIF: people, duty groups, and two accounts that only read."""
    entries = [
        _entry(
            BASE_DN, objectClass=("top", "dcObject", "organization"), o="Heron County Schools", dc="district"
        ),
        *(_unit(place) for place in ("ou=people", "ou=groups", "ou=services", "ou=policies", "ou=former")),
        *(_unit(f"{place},ou=people") for place in ("ou=staff", "ou=students")),
        _entry(
            f"cn=default,ou=policies,{BASE_DN}", objectClass=("pwdPolicy", "device"), cn="default",
            pwdAttribute="userPassword", pwdLockout="TRUE", pwdMaxFailure="20", pwdLockoutDuration="60",
            pwdFailureCountInterval="60",
        ),
        _service("idp-bridge", bridge_password),
        _service("keycloak", keycloak_password),
        *(_employee(person) for person in district.staff),
        *(_pupil(student) for student in district.students),
        *_groups(district.staff),
    ]  # fmt: skip
    return "\n".join(entries)


def _unit(place: str) -> str:
    name = place.partition(",")[0].removeprefix("ou=")
    return _entry(f"{place},{BASE_DN}", objectClass="organizationalUnit", ou=name)


def _service(name: str, password: str) -> str:
    return _entry(
        f"cn={name},ou=services,{BASE_DN}",
        objectClass=("applicationProcess", "simpleSecurityObject"),
        cn=name,
        userPassword=password,
    )


def _employee(person: SampleStaff) -> str:
    return _entry(
        f"uid={person.uid},ou=staff,ou=people,{BASE_DN}",
        objectClass=("inetOrgPerson", "districtPerson"),
        uid=person.uid,
        cn=f"{person.given_name} {person.family_name}",
        givenName=person.given_name,
        sn=person.family_name,
        mail=f"{person.uid}@{MAIL_DOMAIN}",
        employeeType=person.kind,
        schoolCode=person.school,
        schacDateOfBirth=person.birth_date.strftime("%Y%m%d"),
        userPassword=PASSWORD,
    )


def _pupil(student: Student) -> str:
    return _entry(
        f"uid={student.number},ou=students,ou=people,{BASE_DN}",
        objectClass=("inetOrgPerson", "districtPerson"),
        uid=student.number,
        cn=student.name,
        givenName=student.given_name,
        sn=student.family_name,
        mail=f"{student.number}@students.{MAIL_DOMAIN}",
        employeeType="student",
        studentNumber=student.number,
        schoolCode=student.school,
        schacDateOfBirth=student.birth_date.strftime("%Y%m%d"),
        userPassword=PASSWORD,
    )


def _groups(staff: Iterable[SampleStaff]) -> Iterable[str]:
    members: dict[str, list[str]] = {}
    for person in staff:
        for role in person.roles:
            members.setdefault(role, []).append(f"uid={person.uid},ou=staff,ou=people,{BASE_DN}")
    # A groupOfNames must never be empty, so that its last member can leave it.
    for role, people in members.items():
        school, _, duty = role.partition(":")
        yield _entry(
            f"cn=school-{school}-{duty},ou=groups,{BASE_DN}",
            objectClass=("groupOfNames", "districtGroup"),
            cn=f"school-{school}-{duty}",
            ou=role,
            schoolCode=school,
            duty=duty,
            member=(f"cn=idp-bridge,ou=services,{BASE_DN}", *people),
        )


def _entry(dn: str, **attributes: str | tuple[str, ...]) -> str:
    lines = [_line("dn", dn)]
    for name, values in attributes.items():
        lines += [_line(name, value) for value in ((values,) if isinstance(values, str) else values)]
    return "\n".join(lines) + "\n"


def _line(name: str, value: str) -> str:
    """Write one LDIF line (RFC 2849): base64 for anything but plain ASCII."""
    if value.isascii() and value.isprintable() and not value.startswith((" ", ":", "<")):
        return f"{name}: {value}"
    return f"{name}:: {base64.b64encode(value.encode()).decode()}"


# --- accounts ------------------------------------------------------------------------------------


def accounts(district: SampleDistrict) -> dict[str, list[dict[str, object]]]:
    """Return who can sign in with which password, and which students a visitor can claim."""
    return {
        "staff": [_staff_account(person) for person in district.staff],
        "student_accounts": [
            {"username": s.number, "password": PASSWORD, "student_number": s.number}
            for s in district.students
        ],
        "students": [
            {
                "student_number": s.number,
                "name": s.name,
                "grade": s.grade,
                "birth_date": s.birth_date.isoformat(),
                "school": s.school,
                "guardian_hints": [
                    {"name": hint.name, "role": hint.role, "email": hint.email}
                    for hint in district.hints.get(s.id, ())
                ],
            }
            for s in district.students
        ],
    }


def _staff_account(person: SampleStaff) -> dict[str, object]:
    duties: dict[str, list[str]] = {}
    for role in person.roles:
        school, _, duty = role.partition(":")
        duties.setdefault(school, []).append(duty)
    return {"username": person.uid, "password": PASSWORD, "duties": duties}
