"""Start everything on loopback, walk one parent to a token, say what to try, stay up; never clears the cache.

`ONCE=1` stops after the walk. Exit 0 only if the token said what it must.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import time
from types import FrameType
from typing import Any

from rich.console import Console

from tools.stack.places import ROOT
from tools.stack.ports import Ports, PortTaken
from tools.stack.program import NotStarted
from tools.stack.stack import Stack
from tools.walk import Newcomer, Walk, WalkFailed, chromium

VAR = ROOT / "var"
FOLDER = VAR / "demo"
PASSWORD = "Password-1"  # noqa: S105 - of every invented employee and student
out = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Run the demo; return the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # a shell's background job ignores SIGINT
        signal.signal(number, _interrupt)
    once = os.environ.get("ONCE", "") not in ("", "0")
    begun = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        ports = Ports.from_environment()
        ports.check()
        with Stack(FOLDER, ports, lambda line: out.print(f"[dim]start[/]  {line}")) as stack:
            out.print(f"[dim]start[/]  everything answers after {time.monotonic() - begun:.0f} s")
            with chromium() as browser:
                facts = walk_one_parent(stack, Walk(stack, browser, _tell()))
            write_facts(stack, facts)
            out.print(f"[bold green]The walk is done[/] after {time.monotonic() - begun:.0f} s.")
            if not once:
                tell_what_to_try(stack, facts)
                wait_for_end(stack)
    except KeyboardInterrupt:
        out.print("\nStopped.")
        return 0 if not once else 130
    except (NotStarted, PortTaken, WalkFailed, RuntimeError) as fault:
        out.print(f"[bold red]The demo failed.[/] {fault}", markup=True)
        out.print(f"Logs: {FOLDER}")
        return 1
    return 0


def walk_one_parent(stack: Stack, walk: Walk) -> dict[str, Any]:
    """Walk one new parent from registration to a token; raise WalkFailed where a page or token is wrong."""
    sample = json.loads((stack.sample / "sample.json").read_text())
    student = next(one for one in sample["students"] if one["name"] == "Iris Quintero-Bell")
    parent = Newcomer(f"amara.{secrets.token_hex(3)}@mail.example", "Amara", "Quintero-Bell")
    walk.register(parent)
    before = walk.token(parent)
    if before.get("student_links", {}).get("links") != []:
        raise WalkFailed(f"a new account must have no links, its token says {before.get('student_links')}")
    code = walk.ask(parent, student)
    walk.settle("jo.hathaway", PASSWORD, code)
    claims = walk.linked(parent, {student["student_number"]})
    walk.say("The worker wrote the link to Keycloak, read it back, and the next token says it:")
    out.print_json(json.dumps({name: claims[name] for name in ("iss", "sub", "population", "student_links")}))
    page = walk.open_app(parent.email)
    if student["name"].split()[0] not in page.inner_text("main"):
        raise WalkFailed(f"OneView does not show {student['name']}")
    walk.say(f"OneView opens at {page.url} and shows {student['name']}")
    return {"parent": parent, "student": student, "sample": sample}


def write_facts(stack: Stack, facts: dict[str, Any]) -> None:
    """Write `var/demo.json`: where everything is and who can sign in, for a person's own script or app."""
    parent, sample = facts["parent"], facts["sample"]
    apps: dict[str, dict[str, str]] = {
        name: {"url": url, "client_id": name, "client_secret": stack.secrets[name]}
        for name, url in stack.app_urls.items()
    }
    apps["mobile"] = {
        "url": stack.mobile_url,
        "client_id": "mobile",
        "redirect_uri": f"{stack.mobile_url}/callback/parents",
    }
    taken = facts["student"]["student_number"]
    content = {
        "keycloak": {
            "url": stack.keycloak.url,
            "admin_user": stack.keycloak.admin_user,
            "admin_password": stack.keycloak.admin_password,
        },
        "issuers": {realm: stack.issuer(realm) for realm in ("parents", "district")},
        "bridge": {"url": stack.bridge_url},
        "apps": apps,
        "mail": {"url": stack.mail_url, "api": f"{stack.mail_url}/api/messages"},
        "ldap": {
            "url": stack.ldap.url,
            "base_dn": stack.ldap.base_dn,
            "bind_dn": stack.ldap.bind_dn,
            "bind_password": stack.secrets["ldap_bridge"],
            "ca_file": str(stack.ldap.ca_file),
        },
        "database": {"url": stack.database_url},
        "accounts": {
            "parents": [{"email": parent.email, "password": parent.password, "students": [taken]}],
            "staff": sample["staff"],
            "students": sample["student_accounts"],
        },
        "students": [one for one in sample["students"] if one["student_number"] != taken],
    }
    file = VAR / "demo.json"
    file.write_text(json.dumps(content, indent=1))
    file.chmod(0o600)


def tell_what_to_try(stack: Stack, facts: dict[str, Any]) -> None:
    """Print addresses and accounts to try by hand."""
    parent = facts["parent"]
    free = next(one for one in facts["sample"]["students"] if one["name"] == "Mateo Quintero-Bell")
    rows = (
        ("Parent pages", f"{stack.bridge_url}/", f"{parent.email} / {parent.password}"),
        (
            "School desk",
            f"{stack.bridge_url}/desk",
            f"jo.hathaway (Lakeside), sam.okafor (Middle) / {PASSWORD}",
        ),
        ("OneView", stack.app_urls["oneview"], "as that parent, an employee, or a student"),
        ("Focus", stack.app_urls["focus"], ""),
        ("Mobile", stack.mobile_url, ""),
        ("Mails", stack.mail_url, "every mail that was sent"),
        ("Keycloak", f"{stack.keycloak.url}/admin/", f"{stack.keycloak.admin_user} / see var/demo.json"),
    )
    out.print()
    for name, url, who in rows:
        out.print(f"  [bold]{name:<13}[/] {url:<32} {who}")
    out.print(
        f"\n  A free student: {free['student_number']}, born {free['birth_date']}, school {free['school']}"
    )
    out.print("  All of it as JSON: var/demo.json        Ctrl-C ends everything.\n")


def wait_for_end(stack: Stack) -> None:
    """Stay up until Ctrl-C; say so when a program ends by itself."""
    while True:
        time.sleep(1)
        ended = [program for program in stack.programs if not program.running]
        if ended:
            names = ", ".join(program.name for program in ended)
            raise NotStarted(f"{names} ended by itself.\n{ended[0].last_lines()}")


def _tell() -> Any:
    steps = iter(range(1, 100))
    return lambda line: out.print(f"[cyan]{next(steps):>4}[/]   {line}")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
