"""Computes WCAG contrast of colours written as CSS does; it knows hex colours and even mixes only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colour:
    """Red, green and blue, each 0 to 255."""

    red: float
    green: float
    blue: float

    @classmethod
    def parse(cls, text: str) -> Colour:
        """Read `#rgb` or `#rrggbb`; ValueError for anything else."""
        digits = text.removeprefix("#")
        if len(digits) == 3:
            digits = "".join(digit * 2 for digit in digits)
        if len(digits) != 6:
            raise ValueError(f"not a hex colour: {text}")
        return cls(*(int(digits[i : i + 2], 16) for i in (0, 2, 4)))

    @property
    def luminance(self) -> float:
        """Relative luminance after WCAG 2."""
        red, green, blue = (linear(part / 255) for part in (self.red, self.green, self.blue))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def linear(part: float) -> float:
    """One sRGB channel without its gamma."""
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def mix(first: Colour, share: float, second: Colour) -> Colour:
    """`color-mix(in srgb, first share, second)`."""

    def part(a: float, b: float) -> float:
        return a * share + b * (1 - share)

    return Colour(part(first.red, second.red), part(first.green, second.green), part(first.blue, second.blue))


def contrast(first: Colour, second: Colour) -> float:
    """Contrast ratio after WCAG 2, 1 to 21."""
    dark, light = sorted((first.luminance, second.luminance))
    return (light + 0.05) / (dark + 0.05)
