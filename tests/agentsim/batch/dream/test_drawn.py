"""`agentsim dream`: nets as files, pictures and films, and what is said of what cannot be."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from agentsim.batch.dream import drawn
from agentsim.batch.dream.kept import find_net, read_net, write_net
from agentsim.batch.dream.settings import DreamConfig
from agentsim.batch.dream.task import DreamLearner
from agentsim.cli.app import app
from agentsim.config.load import load_config
from agentsim.errors import UserError
from agentsim.loop.keeping import save_brain
from agentsim.loop.simulation import Simulation
from brains.eqprop.dream import dreaming


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DreamLearner:
    """One that has learned nothing but mean images of 2 x 3 pixels, in runs/a-dream of where we are."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "a-dream"
    folder.mkdir(parents=True)
    config = DreamConfig(data="digits", hidden=4, images=3, batches=1, steps=20, temperature=1.5)
    means = np.random.default_rng(0).random((10, 6), np.float32)
    learner = DreamLearner(config, means, 3)
    write_net(folder / "digits-0.brain", learner, 2, 3)
    return learner


def test_a_kept_net_dreams_what_it_dreamt(net: DreamLearner) -> None:
    found = read_net(find_net(None))
    assert all(np.array_equal(one, other) for one, other in zip(found.pools, net.average, strict=True))
    assert np.array_equal(found.means, net.means)
    assert (found.height, found.width, found.steps, found.temperature) == (2, 3, 20, 1.5)


def test_a_kept_net_plays_in_the_dream_world(tmp_path: Path) -> None:
    """Trained offline, it paints there what it dreams elsewhere of the same draws; from there it is kept and found."""
    config = DreamConfig(data="digits", hidden=4, images=3, batches=1, steps=200, temperature=1.5)
    learner = DreamLearner(config, np.random.default_rng(0).random((10, 25), np.float32), 3)
    write_net(tmp_path / "net.brain", learner, 5, 5)
    world = ["world.options.size=5", 'world.options.task="6"', "clock.pacing=none"]
    simulation = Simulation(load_config("dreaming", brain=str(tmp_path / "net.brain"), overrides=world))
    chance = np.random.Generator(np.random.PCG64())
    chance.bit_generator.state = simulation.brain.generator.bit_generator.state  # type: ignore[attr-defined]
    *_, last = dreaming(learner.average.of([6]), learner.means[[6]], 1, 200, 1.5, chance)
    simulation.run(201)
    np.testing.assert_allclose(simulation.environment.observation[0, :25], last[0, 0], atol=1e-4)
    save_brain(simulation, tmp_path / "again.brain")
    again = read_net(find_net(tmp_path))
    assert find_net(tmp_path).name == "again.brain" and (again.height, again.width, again.steps) == (5, 5, 200)
    assert all(np.array_equal(one, other) for one, other in zip(again.pools, learner.average, strict=True))


def test_a_brain_of_another_kind_does_not_dream(tmp_path: Path) -> None:
    save_brain(Simulation(load_config("cartpole", brain="random")), tmp_path / "other.brain")
    with pytest.raises(UserError, match="its kind is random"):
        read_net(tmp_path / "other.brain")
    with pytest.raises(UserError, match="no net that dreams is there"):
        find_net(tmp_path)


def test_a_net_that_does_not_fit_its_header_is_refused(net: DreamLearner, tmp_path: Path) -> None:
    write_net(tmp_path / "odd.brain", net, 3, 3)
    with pytest.raises(UserError, match="do not fit"):
        read_net(tmp_path / "odd.brain")
    (tmp_path / "cut.brain").write_bytes((tmp_path / "odd.brain").read_bytes()[:-9])
    with pytest.raises(UserError, match="damaged"):
        read_net(tmp_path / "cut.brain")


def test_the_newest_run_is_found(net: DreamLearner, tmp_path: Path) -> None:
    """By when its net was written, not by its name; in it the first seed; and `--from` names a folder or a file."""
    other = tmp_path / "runs" / "0-dream"
    other.mkdir()
    for name in ("digits-1.brain", "digits-0.brain"):
        write_net(other / name, net, 2, 3)
    os.utime(tmp_path / "runs/a-dream/digits-0.brain", (1, 1))
    assert find_net(None) == Path("runs/0-dream/digits-0.brain")
    assert find_net(Path("runs/a-dream")) == Path("runs/a-dream/digits-0.brain")
    assert find_net(Path("runs/0-dream/digits-1.brain")) == Path("runs/0-dream/digits-1.brain")


def test_a_canvas_shows_each_picture_where_it_belongs() -> None:
    """Labels are rows; one label's pictures are nearly a square, filled up with black; both sides are even; a line of
    grey, a quarter of 255, ends each."""
    p = np.arange(24, dtype=np.float32).reshape(2, 2, 6) / 255
    found = drawn.canvas(p, 2, 3)
    larger = found.shape[0] // 6
    assert larger % 2 == 0 and found.shape == (6 * larger, 8 * larger)
    rows = [[0, 1, 2, 64, 6, 7, 8, 64], [3, 4, 5, 64, 9, 10, 11, 64], [64] * 8]
    rows += [[12, 13, 14, 64, 18, 19, 20, 64], [15, 16, 17, 64, 21, 22, 23, 64], [64] * 8]
    assert found[::larger, ::larger].tolist() == rows
    five = drawn.canvas(np.ones((1, 5, 6), np.float32), 2, 3)
    larger = five.shape[0] // 6
    assert five.shape == (6 * larger, 12 * larger)
    assert five[3 * larger : 5 * larger, 8 * larger : 11 * larger].max() == 0
    assert five[: 2 * larger, : 3 * larger].min() == 255


def test_pictures_and_films(net: DreamLearner, tmp_path: Path) -> None:
    """A film of every second step of 125 ends with the picture that is drawn alone; another seed dreams otherwise."""
    words = ["dream", "--label", "all", "--count", "3", "--steps", "125", "--out"]
    for name in ("a.png", "a.gif"):
        assert CliRunner().invoke(app, [*words, name]).exit_code == 0
    assert CliRunner().invoke(app, [*words, "b.png", "--seed", "1"]).exit_code == 0
    picture, film = Image.open("a.png"), Image.open("a.gif")
    assert picture.size[0] * 30 == picture.size[1] * 12
    assert film.n_frames == 63  # type: ignore[attr-defined]
    film.seek(62)
    assert np.abs(np.asarray(film.convert("L"), int) - np.asarray(picture, int)).max() <= 2
    assert not np.array_equal(np.asarray(picture), np.asarray(Image.open("b.png")))


def test_mp4_is_what_ffmpeg_makes_of_the_frames(net: DreamLearner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of that name that keeps what it is given: 20 frames, and the last one 40 times more."""
    fake = Path("bin/ffmpeg")
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nfor last; do :; done\ncat > "$last"\n')
    fake.chmod(fake.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{fake.parent.resolve()}{os.pathsep}{os.environ['PATH']}")
    for name in ("a.png", "a.mp4"):
        done = CliRunner().invoke(app, ["dream", "--label", "7", "--out", name])
        assert done.exit_code == 0, done.output
    picture = np.asarray(Image.open("a.png"))
    frames = np.frombuffer(Path("a.mp4").read_bytes(), np.uint8).reshape(-1, *picture.shape)
    assert len(frames) == 60 and np.array_equal(frames[-1], picture) and np.array_equal(frames[19], picture)
    fake.write_text("#!/bin/sh\necho no such codec >&2\nexit 1\n")
    done = CliRunner().invoke(app, ["dream", "--label", "7", "--out", "b.mp4"])
    assert done.exit_code == 2 and "no such codec" in done.output and not Path("b.mp4").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--label 10 --out a.png", "--label 10: give 0 to 9, or all"),
        ("--label five --out a.png", "give 0 to 9, or all"),
        ("--label 5 --out a.jpg", "NAME.png"),
        ("--label 5 --out nowhere/a.png", "cannot be written"),
        ("--label 5 --out a.png --from nothing", "agentsim train dream"),
        ("--label 5 --out a.png --from bad.brain", "damaged"),
        ("--label 5 --out a.png --steps 0", "--steps"),
        ("--label 5 --out a.mp4", "ffmpeg"),
    ],
)
def test_what_cannot_be_is_said(net: DreamLearner, words: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    Path("bad.brain").write_bytes(b"nonsense")
    done = CliRunner().invoke(app, ["dream", *words.split()])
    assert done.exit_code == 2 and said in done.output, done.output


def test_without_a_net_the_command_that_makes_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["dream", "--label", "5", "--out", "a.png"])
    assert done.exit_code == 2 and "train one with `agentsim train dream`" in done.output
