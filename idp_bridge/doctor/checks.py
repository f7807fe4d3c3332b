"""List the checks in the order they are told; never runs one."""

from __future__ import annotations

from idp_bridge.doctor import (
    clock_right,
    database_current,
    ldap_certificate,
    limits_shared,
    mail_taken,
    no_administrator_in_parents,
    realm_as_declared,
    service_account_sees_members_only,
    theme_present,
    worker_alive,
)
from idp_bridge.doctor.examining import Check

CHECKS: tuple[Check, ...] = tuple(
    one.CHECK
    for one in (
        database_current,
        worker_alive,
        limits_shared,
        ldap_certificate,
        mail_taken,
        clock_right,
        theme_present,
        service_account_sees_members_only,
        realm_as_declared,
        no_administrator_in_parents,
    )
)
