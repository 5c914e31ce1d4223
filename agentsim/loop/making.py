"""A world is made from its config: by Gymnasium, in the wrappers that were asked for."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from agentsim.config.sections import WorldConfig
from agentsim.config.validation import suggest
from agentsim.errors import UserError, said
from worlds import WRAPPERS

if TYPE_CHECKING:
    import gymnasium


def make(config: WorldConfig, drawn: bool) -> tuple[gymnasium.Env[Any, Any], int | None]:
    """The environment without a time limit of its own, and the limit in steps, which is kept here.

    `drawn`: whether it can render itself, where it knows how.
    """
    import gymnasium
    from gymnasium.envs.registration import load_env_creator
    from gymnasium.wrappers import OrderEnforcing

    options = dict(config.options)
    limit = options.pop("max_episode_steps", None)
    if limit is not None and (type(limit) is not int or limit < 1):
        raise UserError(f"world.options.max_episode_steps: should be a whole number above 0, got {limit!r}")
    try:
        spec = gymnasium.spec(config.id)
        entry_point = spec.entry_point
        creator = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
        limit = limit or spec.max_episode_steps
        modes = getattr(creator, "metadata", {"render_modes": ["rgb_array"]}).get("render_modes", ())
        if drawn and "rgb_array" in modes and _takes(creator, "render_mode"):
            options.setdefault("render_mode", "rgb_array")
        env = gymnasium.make(config.id, max_episode_steps=-1, disable_env_checker=True, **options)
        env = env.env if type(env) is OrderEnforcing else env  # the loop resets before it steps
    except gymnasium.error.UnregisteredEnv as error:
        hint = suggest(config.id, gymnasium.registry, "worlds")
        raise UserError(f"world.id: unknown world {config.id!r}, {hint}") from error
    except Exception as error:  # whatever a world of someone else's raises when it is made
        raise UserError(f"world: {config.id} cannot be made: {said(error)}") from error
    for index, wrapper in enumerate(config.wrappers):
        ((name, given),) = wrapper.items() if isinstance(wrapper, dict) else ((wrapper, {}),)
        env = _wrapped(env, name, given, f"world.wrappers.{index}")
    if config.label_noise and isinstance(env.action_space, gymnasium.spaces.Box):
        raise UserError(f"world.label_noise: {config.id} has continuous actions, of which none is any; leave it out")
    return env, limit


def wrappers() -> dict[str, type[gymnasium.Wrapper[Any, Any, Any, Any]]]:
    """The wrappers that a config may name: Gymnasium's, but for those that write files, open windows or hand actions
    and observations on in other types, and those of modules that were imported with --import."""
    import gymnasium
    from gymnasium import wrappers as known

    found = {name: value for name, value in vars(known).items() if isinstance(value, type)}
    return {
        name: value
        for name, value in (found | WRAPPERS).items()
        if issubclass(value, gymnasium.Wrapper) and name not in _NOT_FOR_US
    }


_NOT_FOR_US = {"RecordVideo", "HumanRendering", "RenderCollection", "Autoreset", "OrderEnforcing", "PassiveEnvChecker"}


def _wrapped(env: gymnasium.Env[Any, Any], name: str, given: dict[str, Any], at: str) -> gymnasium.Env[Any, Any]:
    """The environment in a wrapper. Raises UserError, naming the key, if there is no such one or it does not fit."""
    known = wrappers()
    if name not in known:
        hint = suggest(name, known, "wrappers")
        raise UserError(f"{at}: unknown wrapper {name!r}, {hint} (one of your own needs --import MODULE)")
    parameters = inspect.signature(known[name]).parameters
    takes = [key for key in parameters if key != "env"]
    for key in given:
        if key not in takes and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            raise UserError(f"{at}.{name}.{key}: unknown option, {suggest(key, takes, 'options')}")
    needed = [key for key in takes if parameters[key].default is inspect.Parameter.empty and key not in given]
    needed = [key for key in needed if parameters[key].kind not in (2, 4)]  # *args, **kwargs
    if needed:
        raise UserError(f"{at}.{name}: needs {', '.join(needed)}; write {{{name}: {{{needed[0]}: ...}}}}")
    try:
        return known[name](env, **_tuples(given))
    except Exception as error:  # whatever a wrapper raises that does not fit
        raise UserError(f"{at}.{name}: {said(error)}") from error


def _takes(creator: Any, option: str) -> bool:
    """Whether what makes a world takes an option of that name."""
    parameters = inspect.signature(creator).parameters
    return option in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _tuples(value: Any) -> Any:
    """The value with tuples for lists, which YAML has no word for and wrappers ask for."""
    if isinstance(value, dict):
        return {key: _tuples(held) for key, held in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
