"""Offline modes: the same brains and rules on data that stands still, without a clock.

A mode is a function that takes what was asked for (`settings.Asked`) and gives back a study, in a module that imports
nothing heavy; its configs are in configs/NAME. `training` trains its Task, `trials` does so over seeds.
"""

MODES = {  # as in `agentsim train NAME`: module:function
    "acrobot_es": "agentsim.batch.evolution.mode:acrobot_es",
    "cartpole_es": "agentsim.batch.evolution.mode:cartpole_es",
    "cartpole_pg": "agentsim.batch.policy_gradient.mode:cartpole_pg",
    "collatz": "agentsim.batch.collatz.mode:collatz",
    "count_es": "agentsim.batch.evolution.mode:count_es",
    "digits": "agentsim.batch.digits.mode:digits",
    "dream": "agentsim.batch.dream.mode:dream",
    "mnist": "agentsim.batch.digits.mode:mnist",
    "mountain_car_es": "agentsim.batch.evolution.mode:mountain_car_es",
    "arena_es": "agentsim.batch.evolution.mode:arena_es",
    "regression_es": "agentsim.batch.evolution.mode:regression_es",
    "split_mnist": "agentsim.batch.split.mode:split_mnist",
    "stride_es": "agentsim.batch.evolution.mode:stride_es",
    "text_es": "agentsim.batch.evolution.mode:text_es",
}
