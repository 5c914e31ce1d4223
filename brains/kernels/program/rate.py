"""Entries of `rates`; of operation i the depth scale is at NUMBERS + 2 i, its type rate one further."""

RATE, MOMENTUM, BETA1, BETA2, EPSILON, CLIP, NUMBERS = range(7)
