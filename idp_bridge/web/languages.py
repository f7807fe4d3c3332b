"""Choose the language of a page and format dates in it; never translates a word itself."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from babel import Locale
from flask import Blueprint, Flask, current_app, redirect, request, url_for
from flask_babel import Babel, format_date, get_locale
from werkzeug.wrappers import Response

from idp_bridge.web.guards import for_everybody
from idp_bridge.web.places import local_path

LANGUAGES = {"en": "English", "es": "Español"}
"""Complete languages, by code, each in its own words."""
COOKIE = "language"
YEAR_S = 365 * 24 * 3600

blueprint = Blueprint("languages", __name__)


@blueprint.get("/language/<string:code>")
@for_everybody
def choose(code: str) -> Response:
    """Remember the language in the browser and go back to the page."""
    response = redirect(local_path(request.args.get("next"), "/"))
    if code in LANGUAGES:
        response.set_cookie(COOKIE, code, max_age=YEAR_S, samesite="Lax", httponly=True)
    return response


def install(app: Flask) -> None:
    """Make Flask-Babel choose the language by cookie, then by what the browser prefers."""
    folder = str(Path(__file__).parent / "translations")
    zone = app.config["DISTRICT"].time_zone
    Babel(app, default_translation_directories=folder, default_timezone=zone, locale_selector=current_code)
    app.register_blueprint(blueprint)
    app.context_processor(_context)
    app.jinja_env.filters["day"] = day
    app.jinja_env.filters["plain_day"] = plain_day
    app.jinja_env.filters["day_short"] = day_short
    app.jinja_env.filters["moment"] = moment
    app.jinja_env.filters["localday"] = local_day


def current_code() -> str:
    """Return the code of this request's language."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(LANGUAGES, "en")


def day(value: date) -> str:
    """Return a date in words with its weekday: `Friday, December 5`; with the year if it is not near."""
    full = format_date(value, "full", rebase=False)
    near = abs((value - _today()).days) < 180
    return _without_year(full, value, near)


def plain_day(value: date) -> str:
    """Return a date without its weekday: `October 14`; with the year if it is not near."""
    near = abs((value - _today()).days) < 180
    return _without_year(format_date(value, "long", rebase=False), value, near)


def day_short(value: date) -> str:
    """Return a date as the desk shows it: `Nov 24`."""
    return format_date(value, "MMM d" if str(get_locale()) == "en" else "d MMM", rebase=False)


def local_day(value: datetime) -> str:
    """Return the day of an instant in the district's time zone, as the desk shows it."""
    return day_short(value.astimezone(current_app.extensions["house"].rules.zone).date())


def moment(value: datetime) -> str:
    """Return an instant in the district's time zone: `November 21, 9:14 AM`."""
    from flask_babel import format_datetime

    pattern = "MMMM d, h:mm a" if str(get_locale()) == "en" else "d 'de' MMMM, H:mm"
    return format_datetime(value, pattern)


def _today() -> date:
    house = current_app.extensions["house"]
    now: datetime = house.clock.now()
    return now.astimezone(house.rules.zone).date()


def _without_year(full: str, value: date, near: bool) -> str:
    if not near:
        return full
    for tail in (f", {value.year}", f" de {value.year}"):
        full = full.removesuffix(tail)
    return full


def _context() -> dict[str, object]:
    code = str(get_locale() or Locale("en"))
    stays = request.method == "GET" and request.blueprint != "signin"  # a callback's address is good once
    here = request.full_path.rstrip("?") if stays else "/"
    links = [(c, label, url_for("languages.choose", code=c, next=here)) for c, label in LANGUAGES.items()]
    return {"language": code, "language_links": links}
