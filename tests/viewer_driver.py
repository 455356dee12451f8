"""Drive a viewer in a browser and count what its page sends and receives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Traffic:
    """Count what the page sends and receives."""

    requests: list[str] = field(default_factory=list)
    sent: list[object] = field(default_factory=list)
    received: list[int] = field(default_factory=list)

    def watch(self, page) -> None:
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", self._watch_socket)

    def _watch_socket(self, socket) -> None:
        socket.on("framesent", lambda frame: self.sent.append(frame))
        socket.on("framereceived", lambda frame: self.received.append(len(frame)))

    def clear(self) -> None:
        for log in (self.requests, self.sent, self.received):
            log.clear()


@dataclass
class Viewer:
    """Drive one viewer on a page."""

    page: object
    traffic: Traffic

    @property
    def root(self):
        return self.page.locator(".viewer")

    @property
    def active(self):
        """Return the panel that keys belong to."""
        return self.root.locator(".panel.active")

    def panel(self, name: str):
        return self.root.locator(f'.panel[data-panel="{name}"]')

    def text(self, selector: str) -> str:
        """Return a text of the active panel, or of the viewer where panels have none such."""
        inside = self.active.locator(selector)
        return (inside if inside.count() else self.root.locator(selector)).inner_text().replace("\xa0", " ").strip()

    def place_text(self, panel: str) -> str:
        """Return slice and position as a panel prints them."""
        return self.panel(panel).locator(".place").inner_text().replace("\xa0", " ")

    def attribute(self, name: str) -> str:
        self.settle()
        return self.root.get_attribute(f"data-{name}")

    @property
    def slice(self) -> int:
        return int(self.attribute("slice"))

    @property
    def window(self) -> tuple[float, float]:
        return float(self.attribute("width")), float(self.attribute("level"))

    def settle(self) -> None:
        """Let two animation frames pass: what was asked for is drawn."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def place(self, voxel: tuple[float, float], panel: str | None = None) -> tuple[float, float]:
        """Return the center of a pixel (row, column) of a panel's plane in canvas pixels."""
        self.settle()
        shown = self.active if panel is None else self.panel(panel)
        x, y, wide, tall = map(float, shown.get_attribute("data-transform").split(","))
        return x + (voxel[1] + 0.5) * wide, y + (voxel[0] + 0.5) * tall

    def hover(self, voxel: tuple[float, float], panel: str | None = None) -> tuple[float, float]:
        shown = self.active if panel is None else self.panel(panel)
        box = shown.locator(".image").bounding_box()
        x, y = self.place(voxel, panel)
        point = box["x"] + x, box["y"] + y
        self.page.mouse.move(*point)
        self.settle()
        return point

    def pixel(self, voxel: tuple[int, int]) -> list[int]:
        x, y = self.place(voxel)
        script = "(c, [x, y]) => [...c.getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)"
        return self.active.locator(".image").evaluate(script, [int(x), int(y)])


def luminance(color: str) -> float:
    """Return the relative luminance of a CSS rgb() color (WCAG 2.1)."""
    parts = [float(part) / 255 for part in re.findall(r"[\d.]+", color)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(viewer: Viewer) -> float:
    """Return the contrast of the toolbar's text."""
    colors = "(node) => { const style = getComputedStyle(node); return [style.color, style.backgroundColor]; }"
    low, high = sorted(map(luminance, viewer.root.evaluate(colors)))
    return (high + 0.05) / (low + 0.05)


@contextmanager
def viewers(browser, address: str, *, height: int, patience: float) -> Iterator[Callable[..., Viewer]]:
    """Give a function that opens the viewer of an app in a context of its own; the contexts are closed at the end.

    Args:
        browser: Of Playwright.
        address: Of the app; ``base`` in a call stands for another.
        height: Of the window, 1280 pixels wide, unless a call says otherwise.
        patience: Milliseconds to wait for anything.
    """
    contexts = []

    def opened(query: str = "", base: str = address, **options) -> Viewer:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": height}, **options})
        contexts.append(context)
        page, traffic = context.new_page(), Traffic()
        page.set_default_timeout(patience)
        traffic.watch(page)
        page.goto(base + query)
        page.wait_for_selector('.viewer[data-ready="true"]')
        page.get_by_text("Event:").wait_for()
        page.locator(".panel.active .image").focus()
        return Viewer(page, traffic)

    yield opened
    for context in contexts:
        context.close()
