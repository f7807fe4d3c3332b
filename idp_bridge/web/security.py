"""Set the headers that tell browsers what a page may do; never looks at a page."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request
from secure import (
    CacheControl,
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    ReferrerPolicy,
    Secure,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
)


def install(app: Flask) -> None:
    """Send the headers with every response; pages of persons are never cached."""
    forms = {_origin(section.issuer) for section in app.config["REALMS"].values()}
    forms |= {_origin(url) for url in app.config["APPS"].values()}
    headers = _headers(sorted(forms))

    def set_headers(response: Response) -> Response:
        headers.set_headers(response)
        if request.endpoint == "static":
            response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    app.after_request(set_headers)


def _headers(form_targets: list[str]) -> Secure:
    """Return the headers. No script at all; forms may end at the realms and apps (redirects count)."""
    policy = (
        ContentSecurityPolicy()
        .default_src("'none'")
        .style_src("'self'")
        .img_src("'self'", "data:")
        .form_action("'self'", *form_targets)
        .frame_ancestors("'none'")
        .base_uri("'none'")
    )
    return Secure(
        csp=policy,
        cache=CacheControl().no_store(),
        coop=CrossOriginOpenerPolicy().same_origin(),
        hsts=StrictTransportSecurity().max_age(31536000),
        referrer=ReferrerPolicy().same_origin(),
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
