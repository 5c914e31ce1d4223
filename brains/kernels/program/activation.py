"""Activations by number. SHARES is a soft-max whose error is not that of a cross-entropy."""

NAMES = ("linear", "tanh", "sigmoid", "leaky_relu", "scaled_relu", "softplus", "softmax", "shares")
LINEAR, TANH, SIGMOID, LEAKY_RELU, SCALED_RELU, SOFTPLUS, SOFTMAX, SHARES = range(8)

LAYER_NORM_EPSILON = 1e-5
