"""Offline modes: the same brains and rules on data that stands still, without a clock."""
