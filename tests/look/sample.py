"""Serves sample pages with every part of the look, for tests and the eye; knows nothing of the product."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import segno
from flask import Flask, render_template, request
from flask_babel import Babel
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import BooleanField, Form, FormField, RadioField, SelectField, StringField
from wtforms.validators import InputRequired, Regexp

WEB = Path(__file__).parents[2] / "idp_bridge" / "web"
DISTRICT = SimpleNamespace(
    name="Heron County Schools", help_phone="(321) 555-0142", help_hours="Monday to Friday, 8 to 4"
)
SCHOOL = SimpleNamespace(
    name="Lakeside Elementary",
    address_lines=["1200 Lakeside Drive", "Heron Springs, FL 32999"],
    hours="Front office, Monday to Friday, 7:30 to 3:30",
)
LANGUAGES = [("en", "English", "?lang=en"), ("es", "Español", "?lang=es"), ("ar", "العربية", "?lang=ar")]
PAGES = ("start", "child", "wrong", "check", "code", "children", "empty", "who", "problem", "desk", "visit")
DESK_PAGES = ("desk", "visit")


class DateParts(Form):
    """A date as three plain fields."""

    month = StringField("Month", [InputRequired("Enter the month")])
    day = StringField("Day")
    year = StringField("Year")


class ChildForm(FlaskForm):
    """One field of each kind."""

    number = StringField(
        "What is your child’s student number?",
        [Regexp(r"^\d{8}$", message="Enter all 8 digits of the student number")],
        description="8 digits, for example 4600 1234. It is not the lunch number.",
    )
    birth_date = FormField(DateParts, "When was your child born?")
    school = SelectField("School", choices=[("", "Choose a school"), ("0552", "Lakeside Elementary")])
    relationship = RadioField(
        "You are the child’s",
        [InputRequired("Choose who you are to the child")],
        choices=[("parent", "Birth or adoptive parent"), ("guardian", "Legal guardian")],
    )
    true = BooleanField("These answers are true, as far as I know.", [InputRequired("Confirm your answers")])


def wrong_form() -> ChildForm:
    """A form that was sent with mistakes."""
    form = ChildForm(data={"number": "46554"})
    form.validate()
    return form


def qr() -> Markup:
    """The picture of a visit code, without a size of its own."""
    return Markup(segno.make("KRTV-MHBD").svg_inline(omitsize=True))


def open_button(number: int) -> Markup:
    """A link of the queue with a name of its own."""
    return Markup('<a class="button" href="#">Open<span class="hide"> visit {}</span></a>').format(number)


def queue_rows() -> list[list[Markup]]:
    """Three visits, as cells."""
    return [
        [
            Markup('<b>Mon, Nov 24</b> <span class="tag is-wait">today</span>'),
            Markup("Salomé Abernathy-Ruiz <small>salome.ar@mail.example</small>"),
            Markup("4612 7781"),
            Markup("Birth or adoptive parent"),
            Markup("Nov 10"),
            Markup(""),
            open_button(1),
        ],
        [
            Markup("<b>Tue, Nov 25</b> 1 day"),
            Markup(
                "Bartholomew Nakagawa-Fitzsimmons "
                "<small>bartholomew.nakagawa.fitzsimmons@longmail.example</small>"
            ),
            Markup("4633 0042<br>4633 0043"),
            Markup("Caregiver acting as parent"),
            Markup("Nov 11"),
            Markup('<span class="tag is-wait">Second person</span>'),
            open_button(2),
        ],
        [
            Markup("<b>Mon, Dec 1</b> 7 days"),
            Markup("Teodora Whitlock <small>t.whitlock@mail.example</small>"),
            Markup("4601 5566"),
            Markup("Foster parent"),
            Markup("Nov 17"),
            Markup('<span class="tag is-off">Not in roster</span>'),
            open_button(3),
        ],
    ]


def sample_app() -> Flask:
    """A Flask app that shows each sample page at /<name>?lang=en|es|ar, from the product's templates."""
    app = Flask("look", template_folder=str(WEB / "templates"), static_folder=str(WEB / "static"))
    app.config.update(SECRET_KEY="sample", WTF_CSRF_ENABLED=False, BABEL_DEFAULT_LOCALE="en")
    app.jinja_loader.searchpath.append(str(Path(__file__).parent / "templates"))  # type: ignore[union-attr]
    app.jinja_env.globals["district"] = DISTRICT
    Babel(app)

    @app.get("/<name>")
    def page(name: str) -> str:
        return render_template(
            f"sample_{name}.html",
            language=request.args.get("lang", "en"),
            language_links=LANGUAGES,
            menu_links=[("My children", "#", "GET"), ("Sign out", "#", "POST")],
            foot_links=[("Privacy", "#"), ("Accessibility", "#")],
            desk_tabs=[("Visits", "#", True), ("Students", "#", False), ("History", "#", False)],
            person_name="Jo Hathaway",
            school_name=SCHOOL.name,
            school=SCHOOL,
            form=wrong_form() if name == "wrong" else ChildForm(),
            qr=qr(),
            queue=queue_rows(),
        )

    return app


if __name__ == "__main__":
    sample_app().run(port=18200)
