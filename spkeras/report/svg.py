"""Charts as inline SVG: scales, axes, lines, dots; colours come from the page's style."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

# Space for labels to the left, right, top and bottom of the area of a chart.
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 14.0, 22.0, 40.0


@dataclass(frozen=True)
class Scale:
    """The values along one axis.

    Attributes:
        low: Value at its beginning.
        high: Value at its end.
        title: Quantity with its unit.
        ticks: Values that are marked.
        logarithmic: Whether equal distances are equal factors.
    """

    low: float
    high: float
    title: str
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Return where a value lies, from 0 to 1."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = (math.log(max(v, 1e-300)) for v in (low, high, value))
        return (value - low) / (high - low) if high > low else 0.5


def linear(
    values: Sequence[float], title: str, *, least: float | None = None, most: float | None = None
) -> Scale:
    """Return a scale with round ticks around values.

    Args:
        values: At least one.
        title: Quantity with its unit.
        least: Smallest value of the quantity, below which the scale does not go.
        most: Largest value of the quantity, which the scale does not exceed.
    """
    low, high = min(values), max(values)
    pad = 0.08 * (high - low) or max(abs(high), 1.0) * 0.05
    step = _round((high - low + 2 * pad) / 5)
    low = math.floor((low - pad) / step) * step
    high = math.ceil((high + pad) / step) * step
    low = low if least is None else max(low, least)
    high = high if most is None else min(high, most)
    count = int((high - low) / step + 1e-9)
    return Scale(low, high, title, tuple(low + step * place for place in range(count + 1)))


def logarithmic(values: Sequence[float], title: str) -> Scale:
    """Return a scale of factors around positive values, with ticks at 1, 2 and 5."""
    low, high = min(values) / 1.15, max(values) * 1.15
    places = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**place for place in places for digit in (1, 2, 5)]
    shown = tuple(tick for tick in ticks if low <= tick <= high)
    return Scale(low, high, title, shown or (min(values),), logarithmic=True)


def marked(values: Sequence[float], title: str) -> Scale:
    """Return a scale of factors with a tick at each of some positive values."""
    low, high = min(values), max(values)
    wide = 1.12 if high > low else 2.0
    return Scale(low / wide, high * wide, title, tuple(sorted(set(values))), logarithmic=True)


def _round(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not below a number."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= step * 0.999)


@dataclass
class Chart:
    """An SVG picture with two axes.

    Attributes:
        alt: What the picture shows, in words.
        x: Horizontal axis.
        y: Vertical axis.
        width: In the picture's units.
        height: In the picture's units.
        parts: Elements so far.
        labels: Places of the small labels so far.
    """

    alt: str
    x: Scale
    y: Scale
    width: float = 460.0
    height: float = 270.0
    parts: list[str] = field(default_factory=list)
    labels: list[tuple[float, float]] = field(default_factory=list)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of a point in the picture."""
        wide, high = self.width - _LEFT - _RIGHT, self.height - _TOP - _BOTTOM
        return _LEFT + wide * self.x.share(x), _TOP + high * (1 - self.y.share(y))

    def line(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """Draw a line through points, of a class of the page's style."""
        places = " ".join("{:.1f},{:.1f}".format(*self.at(*point)) for point in points)
        self.parts.append(f'<polyline class="line {style}" points="{places}"/>')

    def dot(self, point: tuple[float, float], style: str, hint: str, hollow: bool = False) -> None:
        """Draw a point with a hint that appears over it."""
        x, y = self.at(*point)
        kind = "dot hollow" if hollow else "dot"
        self.parts.append(
            f'<circle class="{kind} {style}" cx="{x:.1f}" cy="{y:.1f}" r="4">'
            f"<title>{escape(hint)}</title></circle>"
        )

    def span(self, x: float, low: float, high: float, style: str) -> None:
        """Draw an interval of the vertical axis."""
        (place, bottom), (_, top) = self.at(x, low), self.at(x, high)
        self.parts.append(
            f'<line class="span {style}" x1="{place:.1f}" x2="{place:.1f}" y1="{bottom:.1f}" '
            f'y2="{top:.1f}"/>'
        )

    def across(self, y: float, label: str) -> None:
        """Draw a dashed line at a value of the vertical axis."""
        place = self.at(self.x.low, y)[1]
        self.parts.append(
            f'<line class="cnn" x1="{_LEFT}" x2="{self.width - _RIGHT}" y1="{place:.1f}" '
            f'y2="{place:.1f}"/>'
        )
        self.text((self.width - _RIGHT, place - 4), label, anchor="end")

    def down(self, x: float, label: str) -> None:
        """Draw a dashed line at a value of the horizontal axis."""
        place = self.at(x, self.y.low)[0]
        self.parts.append(
            f'<line class="cnn" x1="{place:.1f}" x2="{place:.1f}" y1="{_TOP}" '
            f'y2="{self.height - _BOTTOM}"/>'
        )
        # The label stays within the picture.
        left = place < self.width / 3
        beside = place + 4 if left else place - 4
        height = self.height - _BOTTOM - 6
        self.text((beside, height), label, anchor="start" if left else "end")

    def text(
        self, place: tuple[float, float], text: str, *, anchor: str = "start", style: str = "word"
    ) -> None:
        """Write at a place of the picture."""
        self.parts.append(
            f'<text class="{style}" x="{place[0]:.1f}" y="{place[1]:.1f}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def label(self, point: tuple[float, float], text: str) -> None:
        """Write a small label beside a point, unless it would cover an earlier one."""
        left, top = self.at(*point)
        place = (min(left + 5, self.width - 6.0 * len(text)), top + 12)
        if all(abs(place[0] - x) > 14 or abs(place[1] - y) > 9 for x, y in self.labels):
            self.labels.append(place)
            self.text(place, text, style="small")

    def svg(self) -> str:
        """Return the picture."""
        bottom = self.height - _BOTTOM
        axes: list[str] = []
        for tick in self.y.ticks:
            y = self.at(self.x.low, tick)[1]
            axes.append(
                f'<line class="grid" x1="{_LEFT}" x2="{self.width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
            )
        for tick in self.x.ticks:
            x = self.at(tick, self.y.low)[0]
            axes.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
        middle = (_LEFT + self.width - _RIGHT) / 2
        axes.append(
            f'<text class="word" x="{middle}" y="{self.height - 6}" text-anchor="middle">'
            f"{escape(self.x.title)}</text>"
            f'<text class="word" x="4" y="12">{escape(self.y.title)}</text>'
        )
        return picture(self.alt, self.width, self.height, [*axes, *self.parts])


def picture(
    alt: str, width: float, height: float, parts: Sequence[str], *, most: float | None = None
) -> str:
    """Return an SVG picture with its text alternative, at most so many pixels wide."""
    style = "" if most is None else f' style="max-width: {most:g}px"'
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}"{style} role="img" '
        f'aria-label="{escape(alt, quote=True)}">'
        f"<title>{escape(alt)}</title>{''.join(parts)}</svg>"
    )
