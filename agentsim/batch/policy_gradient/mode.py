"""What `agentsim train cartpole_pg` takes besides the options of every mode."""

from __future__ import annotations

from agentsim.batch.settings import Asked, Study


def cartpole_pg(asked: Asked) -> Study:
    """Learn CartPole-v1 by policy gradient (PPO), its gradient by equilibrium propagation, and by backprop beside it.

    Without --config both shipped ones are trained, 100,096 steps each. In the table: 100 fresh episodes of the likelier
    action, of the last network and of the best by validation; seed by seed the difference of the engines; random linear
    search of as many steps, and the network before it learns. Writes cartpole_pg.png (curves), .html and .json and the
    weights. Ctrl-C saves; the same command with --out goes on.

    \b
    Examples:
      agentsim train cartpole_pg
      agentsim train cartpole_pg --seeds 10 --jobs 2 --out runs/cartpole
      agentsim train cartpole_pg --config eqprop --set engine.beta=0.3 --set observation_noise=0.1
    """
    from agentsim.batch.policy_gradient import study

    return study.run(asked)
