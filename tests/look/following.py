"""Owns following a link or a form in Chromium until the next page stands; never judges a page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page


def follow(target: Locator) -> None:
    """Click the first of `target` and return when the next page has loaded.

    A plain click returns before the next page is there: axe once looked while Chromium exchanged the two
    and found no document (CI, 27 November 2026).
    """
    with target.page.expect_navigation():
        target.first.click()


def enter(page: Page, field: str) -> None:
    """Press Enter in a field, found by CSS, and return when the next page has loaded."""
    with page.expect_navigation():
        page.press(field, "Enter")
