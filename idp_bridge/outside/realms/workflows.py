"""Find and bring the workflows that prepare a new account; never leaves one that is not declared."""

from __future__ import annotations

from typing import Any

from idp_bridge.outside.realms.comparing import differs, named
from idp_bridge.outside.realms.server import Realm


def find_workflows(realm: Realm, declared: dict[str, Any]) -> dict[str, Any]:
    """Return the realm's workflows."""
    return {"workflows": realm.get("workflows")} if "workflows" in declared else {}


def bring_workflows(realm: Realm, declared: dict[str, Any]) -> None:
    """Create or replace declared workflows and delete others: any of them could write a person's links."""
    if "workflows" not in declared:
        return
    found, wanted = named(realm.get("workflows")), named(declared["workflows"])
    for name in sorted(found.keys() - wanted.keys()):
        realm.delete(f"workflows/{found[name]['id']}", f"workflows[{name}]: deleted")
    for name, workflow in wanted.items():
        if name not in found:
            realm.post("workflows", workflow, f"workflows[{name}]: created")
        elif differs(workflow, found[name], "workflows", "*"):
            realm.put(f"workflows/{found[name]['id']}", workflow, f"workflows[{name}]: written")
