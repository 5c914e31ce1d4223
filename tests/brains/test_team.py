"""A team: who acts on which tick, and what each brain is told, with brains that write everything down."""

import numpy as np
import pytest

from agentsim.testing import check_brain
from brains.brain import Body, Experience, Learning
from brains.controls import RandomBrain, RandomConfig
from brains.stepping.kind import stepping
from brains.team import Seat, Team

BODY = Body(observation_size=1, actions=1000, teacher=True, lanes=3)


class Scribe:
    """Acts with the number of its act, and remembers what it saw, learned and forgot."""

    latency, settling_ticks, backend = 2, 3, "paper"

    def __init__(self):
        self.saw, self.learned, self.forgot, self.rehearsed = [], [], [], 0

    def warm_up(self):
        pass

    def reset(self, lanes):
        self.forgot.append(lanes.tolist())

    def act(self, observation):
        self.saw.append(observation[:, 0].tolist())
        return np.full(len(observation), len(self.saw))

    def learn(self, experience):
        names = ("observation", "action", "reward", "next_observation", "terminated", "truncated", "teacher_action")
        self.learned.append({name: np.ravel(getattr(experience, name)).tolist() for name in names})
        return Learning(loss=1.0, updates=1, extra={"length": 4.0})

    def rehearse(self):
        self.rehearsed += 1
        return Learning(loss=1.0, updates=1)


def team(fast=1, slow=3):
    """Lane 1 is the fast brain's, lanes 0 and 2 the slow one's."""
    scribes = {"fast": Scribe(), "slow": Scribe()}
    seats = {"fast": Seat(np.array([1]), fast), "slow": Seat(np.array([0, 2]), slow)}
    return Team(scribes, seats, BODY), scribes["fast"], scribes["slow"]


def live(team, ticks, terminated=(), learning=lambda tick: True):
    """Lane k senses 100 k + tick, and is rewarded with 2^tick on tick `tick`; all lanes end where told."""
    actions = []
    lanes = 100 * np.arange(3)
    for tick in ticks:
        observation = (lanes + tick).astype(np.float32)[:, None]
        action = team.act(observation)
        actions.append(action.tolist())
        ended = np.full(3, tick in terminated)
        experience = Experience(
            observation, action, np.full(3, 2.0**tick, np.float32), observation + 1, ended, np.zeros(3, bool),
            teacher_action=np.arange(3) + 10 * tick,
        )  # fmt: skip
        if learning(tick):
            team.learn(experience)
        if ended.any():
            team.reset(ended)
    return actions


def test_a_divider_holds_the_action_and_spans_its_ticks():
    """Every third tick: acts on 0, 3, 6; the first span has rewards 2^0 + 2^1 + 2^2 = 7, the second 8 + 16 + 32."""
    both, fast, slow = team()
    assert live(both, range(7)) == [[1, k + 1, 1] if k < 3 else [1 + k // 3, k + 1, 1 + k // 3] for k in range(7)]
    assert fast.saw == [[100.0 + k] for k in range(7)]
    assert slow.saw == [[0, 200], [3, 203], [6, 206]]
    assert [span["reward"] for span in fast.learned] == [[2.0**k] for k in range(7)]
    first, second = slow.learned
    assert first == {
        "observation": [0, 200], "action": [1, 1], "reward": [7, 7], "next_observation": [3, 203],
        "terminated": [False, False], "truncated": [False, False], "teacher_action": [0, 2],
    }  # fmt: skip
    assert (second["observation"], second["reward"], second["teacher_action"]) == ([3, 203], [56, 56], [30, 32])


def test_an_end_closes_the_span_and_the_next_tick_acts_anew():
    both, fast, slow = team()
    live(both, range(6), terminated={3})
    assert slow.saw == [[0, 200], [3, 203], [4, 204]]
    _, second = slow.learned
    assert (second["reward"], second["next_observation"], second["terminated"]) == ([8, 8], [4, 204], [True, True])
    assert (fast.forgot, slow.forgot) == ([[True]], [[True, True]])


def test_one_lane_that_ends_in_a_span_is_told_its_own_end():
    """Lane 0 ends on tick 1: its rewards are 1 + 2 and its last observation 2; lane 2 goes on to 1 + 2 + 4 and 203."""
    both, _, slow = team()
    for tick in range(3):
        observation = (100 * np.arange(3) + tick).astype(np.float32)[:, None]
        ended = np.array([tick == 1, False, False])
        reward = np.full(3, 2.0**tick, np.float32)
        action = both.act(observation)
        both.learn(Experience(observation, action, reward, observation + 1, np.zeros(3, bool), ended, action))
        if ended.any():
            both.reset(ended)
    (span,) = slow.learned
    assert (span["reward"], span["next_observation"], span["truncated"]) == ([3, 7], [2, 203], [True, False])
    assert slow.forgot == [[True, False]]


def test_a_span_that_was_not_wholly_learned_from_is_left_out():
    both, _, slow = team()
    live(both, range(9), learning=lambda tick: tick not in (1, 3))
    assert [span["observation"] for span in slow.learned] == [[6, 206]]


def test_only_those_that_learned_rehearse_and_their_learning_adds_up():
    both, fast, slow = team(fast=1, slow=2)
    learnings, rehearsals = [], []
    for tick in range(4):
        observation = np.full((3, 1), tick, np.float32)
        action, no = both.act(observation), np.zeros(3, bool)
        learnings.append(both.learn(Experience(observation, action, no.astype("f4"), observation, no, no, action)))
        rehearsals.append(both.rehearse().updates)
    assert [learning.updates for learning in learnings] == [1, 2, 1, 2]
    assert rehearsals == [1, 2, 1, 2]
    assert (fast.rehearsed, slow.rehearsed) == (4, 2)
    assert learnings[0].extra == {"fast.length": 4.0, "fast.loss": 1.0}
    assert learnings[1].extra.keys() == {"fast.length", "fast.loss", "slow.length", "slow.loss"}


def test_latency_is_that_of_the_slowest_in_ticks_of_the_world():
    """Latency 2 of own ticks, each of 3: 6. Final word on the 3rd own tick, which is world tick 2 x 3, the 7th."""
    both, *_ = team()
    assert (both.latency, both.settling_ticks, both.backend) == (6, 7, "paper")


@pytest.mark.parametrize("every", [1, 3])
def test_a_team_keeps_the_brain_protocol(every):
    layers = [{"type": "dense", "units": 5}, {"type": "dense"}]
    config = stepping.Config.model_validate({"kind": "stepping", "layers": layers, "replay": {"per_tick": 2}})

    def make(body, seed):
        seats = {"learner": Seat(np.arange(body.lanes - 1), every), "other": Seat(np.array([body.lanes - 1]), 2)}
        one, other = seed.spawn(2)
        brains = {
            "learner": stepping(config, Body(8, 4, teacher=True, lanes=body.lanes - 1), one),
            "other": RandomBrain(RandomConfig(), Body(8, 4, teacher=True), other),
        }
        return Team(brains, seats, body)

    check_brain(make, [Body(8, 4, teacher=True, lanes=2), Body(8, 4, teacher=True, lanes=3)])
