"""Say what staff must know before they decide: earlier ends and twin accounts; never names anybody."""

from __future__ import annotations

from flask_babel import gettext as _

from idp_bridge.services.desk_child import DeskChild
from idp_bridge.services.earlier import Earlier, Twin
from idp_bridge.web import desk_wording, wording
from idp_bridge.web.languages import local_day


def marks(child: DeskChild) -> list[str]:
    """Return a line for each earlier end of the two and for each other account of the same person."""
    return [*(_earlier(one) for one in child.earlier), *(_twin(one) for one in child.twins)]


def _earlier(one: Earlier) -> str:
    unknown = _("no reason is known")
    reasons = {**wording.DENIAL_REASONS, **wording.REVOCATION_REASONS}
    return _(
        "%(what)s before, on %(day)s: %(reason)s",
        what=desk_wording.EARLIER[one.state],
        day=local_day(one.at),
        reason=reasons.get(one.reason, unknown),
    )


def _twin(one: Twin) -> str:
    if one.linked:
        return _("Another account that seems to be the same person’s is linked to this student.")
    if one.asks:
        return _("Another account that seems to be the same person’s asks for this student, too.")
    return _("Another account that seems to be the same person’s was refused or ended for this student.")
