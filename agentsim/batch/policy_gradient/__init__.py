"""CartPole by policy gradient, with equilibrium propagation as what gives the gradient, and backprop beside it.

`settings` says what a training is, `cartpole` what is lived in, `engines` what gives a gradient, `ppo` of which loss;
`task` puts them together for the trainer, `study` compares them over seeds with `controls` that learn nothing so.
"""
