"""When to draw: frames are cut into slices, and a slice is drawn only where it fits before the next tick."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Slice = tuple[str, Callable[[], None]]

SECOND = 1_000_000_000
CHEAP = 6_000_000  # frames that cost less than this many ns are drawn at 60 a second, others at 30
MARGIN = 300_000  # ns kept free before a due time: waking up and polling events fit in it
HUNGRY = SECOND // 8  # a slice that has not fitted for so long is drawn where it fits more often than not,
STARVED = SECOND  # and for so long, all the same: a picture a second beats none
LATE = SECOND // 5  # the same where the tick is late already: five pictures a second cost nothing that is not lost


class Frames:
    """Spends the slack between ticks on the slices of a frame, one by one, and counts the frames that were shed.

    A frame is due 60 (or 30) times a second. It is shed when it is not finished by the time the next one is due; its
    remaining slices are drawn later then, so that no panel is left behind. What a slice will cost is judged by its
    last 24 costs: the second highest, or for a hungry one the median. All times are integer nanoseconds.
    """

    def __init__(self, now: Callable[[], int], rates: tuple[int, int] = (60, 30)):
        """`rates`: frames a second that are asked for where they are cheap, and where they are not."""
        self.now, self._rates = now, rates
        self.drawn = 0
        self.shed = 0
        self._pending: deque[Slice] = deque()
        self._due, self._hurry = now(), 0  # frames that somebody waits for
        self._costs: dict[str, deque[int]] = {}
        self._started: dict[str, int] = {}  # when each slice last ran

    @property
    def rate(self) -> int:
        """Frames a second that are asked for at the moment."""
        cheap, dear = self._rates
        return cheap if sum(self.cost(name, typical=True) for name in self._costs) < CHEAP else dear

    @property
    def due(self) -> int:
        """When drawing can go on: now if slices are waiting, else when the next frame begins."""
        return self.now() if self._pending else self._due

    def cost(self, name: str, *, typical: bool = False) -> int:
        """What a slice will cost at most, or typically, in ns; 0 while nothing is known of it."""
        costs = sorted(self._costs.get(name, ()))
        if not costs:
            return 0
        return costs[len(costs) // 2] if typical else costs[-2] if len(costs) > 8 else costs[-1]

    def hurry(self) -> None:
        """Somebody has asked for something and waits: draw the next frame, and what is left of this one, whether that
        fits or not."""
        self._due, self._hurry = self.now(), 2 if self._pending else 1

    def spend(self, until: int | None, begin: Callable[[], list[Slice]]) -> None:
        """Draw as many slices as are expected to end before `until` (None: nothing is due, draw the whole frame).

        `begin` says what the next frame consists of; an empty list is a frame that shows nothing new.
        """
        self._turn(begin)
        while self._pending:
            name, _ = self._pending[0]
            now = self.now()
            waited = now - self._started.setdefault(name, now)
            fits = until is None or self._hurry or now + self.cost(name, typical=waited > HUNGRY) + MARGIN <= until
            late = until is not None and now >= until
            if not fits and waited < (LATE if late else STARVED):
                return
            if not fits:
                self._costs[name].clear()  # what was known may be out of date
            self._draw(*self._pending.popleft())
            if not self._pending:
                self.drawn += 1
                if self._hurry:
                    self._hurry -= 1
                    self._due = self.now()
                    self._turn(begin)

    def draw(self, frame: list[Slice]) -> None:
        """Draw a whole frame at once, before the run; it only counts for what it teaches about costs."""
        self._costs.clear()
        for name, draw in frame:
            self._draw(name, draw)
        self._due = self.now()

    def _draw(self, name: str, draw: Callable[[], None]) -> None:
        started = self.now()
        draw()
        self._started[name] = started
        self._costs.setdefault(name, deque(maxlen=24)).append(self.now() - started)

    def _turn(self, begin: Callable[[], list[Slice]]) -> None:
        """Begin the next frame where one is due; count those whose time has passed meanwhile."""
        now, interval = self.now(), SECOND // self.rate
        if now < self._due - interval // 4:  # ticks come at their own pace: better a little early than a tick late
            return
        late = max(0, now - self._due) // interval
        self._due += (late + 1) * interval
        if self._pending:
            self.shed += 1 + late
            return
        self._pending.extend(begin())
        if self._pending:
            self.shed += late
