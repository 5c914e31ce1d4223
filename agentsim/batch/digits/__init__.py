"""Images of digits, named by networks that settle and learn by equilibrium propagation, and by backprop beside them.

`settings` says what a training is, `images` what is looked at, `learners` and `equilibrium` what learns; `task` puts
them together for the trainer, `study` compares them over seeds.
"""
