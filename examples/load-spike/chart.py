"""Draws lines over time, panel below panel, into an SVG file that reads well on light and dark."""

import math
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, RIGHT, TOP = 860, 56, 20, 88
GAP = 44  # between two panels
STYLE = """
text { font: 13px system-ui, sans-serif; fill: var(--ink); }
.title { font-size: 16px; font-weight: 600; }
.tick, .mark { font-size: 11px; fill: var(--faint); }
.grid { stroke: var(--grid); }
.limit { stroke: var(--ink); stroke-dasharray: 6 4; }
.when { stroke: var(--faint); stroke-dasharray: 2 3; }
.paper { fill: var(--paper); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.s0 { stroke: var(--s0); } .s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); }
circle { stroke-width: 2; } circle.s0 { fill: var(--s0); } circle.s1 { fill: var(--s1); }
circle.s2 { fill: var(--s2); }
svg { --paper: #ffffff; --ink: #1f2328; --faint: #656d76; --grid: #e4e7eb;
  --s0: #c4320a; --s1: #0b63ce; --s2: #11803c; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #0d1117; --ink: #e6edf3; --faint: #9198a1; --grid: #2a313a;
    --s0: #ff8a5c; --s1: #6cb6ff; --s2: #56d37f; }
}
"""


@dataclass
class Panel:
    """One diagram: for each server its points (seconds, value); a value of None is a gap."""

    title: str
    series: list  # (colour, points)
    height: int = 100
    limit: tuple | None = None  # value and text
    is_logarithmic: bool = False


def draw(title, names, seconds, marks, panels):
    """The text of an SVG file; `names` are colours (0 to 2) with what they stand for, `marks` are
    seconds with what happens then.
    """
    parts, top = [], TOP
    for panel in panels:
        parts += Diagram(panel, top, seconds).draw(marks if panel is panels[0] else [
            (when, "") for when, _ in marks])
        top += panel.height + GAP
    height = top - GAP + 44
    x, legend = LEFT, []
    for index, name in names:
        legend.append(f'<path class="line s{index}" d="M{x} 45h24"/>')
        legend.append(f'<text x="{x + 31}" y="49">{escape(name)}</text>')
        x += 62 + 7 * len(name)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="{LEFT}" y="25">{escape(title)}</text>', *legend, *parts,
        f'<text class="tick" x="{WIDTH - RIGHT}" y="{height - 10}" text-anchor="end">seconds'
        "</text>", "</svg>", ""])


class Diagram:
    """One panel at its place."""

    def __init__(self, panel, top, seconds):
        self.panel, self.top, self.seconds = panel, top, seconds
        self.bottom = top + panel.height
        values = [value for _, points in panel.series for _, value in points if value is not None]
        most = max([*values, panel.limit[0] if panel.limit else 0])
        if panel.is_logarithmic:
            least = min((value for value in values if value > 0), default=0.1)
            self.low = 10 ** math.floor(math.log10(least))
            self.high = 10 ** math.ceil(math.log10(max(most, self.low * 1.01)))
            steps = round(math.log10(self.high / self.low))
            self.ticks = [self.low * 10**step for step in range(steps + 1)]
        else:
            step = nice_step(most)
            self.low, self.high = 0, step * max(1, math.ceil(most / step))
            self.ticks = [step * number for number in range(round(self.high / step) + 1)]

    def x(self, second):
        return LEFT + (WIDTH - LEFT - RIGHT) * second / self.seconds

    def y(self, value):
        if self.panel.is_logarithmic:
            share = math.log10(max(value, self.low) / self.low) / math.log10(self.high / self.low)
        else:
            share = value / self.high
        return self.bottom - self.panel.height * share

    def draw(self, marks):
        parts = [f'<text x="{LEFT}" y="{self.top - 9}">{escape(self.panel.title)}</text>']
        for value in self.ticks:
            y = self.y(value)
            parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
                         f"{value:,g}</text>")
        for second in range(0, self.seconds + 1, nice_step(self.seconds * 2)):
            parts.append(f'<text class="tick" x="{self.x(second):.1f}" y="{self.bottom + 16}" '
                         f'text-anchor="middle">{second}</text>')
        for second, text in marks:
            x = self.x(second)
            parts.append(f'<path class="when" d="M{x:.1f} {self.top}V{self.bottom}"/>')
            parts.append(f'<text class="mark" x="{x + 4:.1f}" y="{self.top - 9}">{escape(text)}'
                         "</text>")
        if self.panel.limit:
            value, text = self.panel.limit
            y = self.y(value)
            parts.append(f'<path class="limit" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            parts.append(f'<text class="mark" x="{WIDTH - RIGHT}" y="{y - 5:.1f}" '
                         f'text-anchor="end">{escape(text)}</text>')
        for colour, points in self.panel.series:
            parts += self.line(colour, points)
        return parts

    def line(self, colour, points):
        """A line with gaps; a value without neighbours is a dot."""
        runs = [[]]
        for second, value in points:
            if value is None:
                runs.append([])
            else:
                runs[-1].append(f"{self.x(second):.1f} {self.y(value):.1f}")
        for places in filter(None, runs):
            if len(places) == 1:
                x, y = places[0].split()
                yield f'<circle class="s{colour}" cx="{x}" cy="{y}" r="1.5"/>'
            else:
                yield f'<path class="line s{colour}" d="M{"L".join(places)}"/>'


def nice_step(most):
    """A round number that divides 0 to `most` into three to eight parts; at least 1."""
    if most <= 3:
        return 1
    rough = most / 6
    power = 10 ** math.floor(math.log10(rough))
    return max(1, round(power * next(one for one in (1, 2, 5, 10) if one * power >= rough)))
