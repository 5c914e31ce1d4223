"""Digits two at a time: what a net that dreams still knows of the first when it has learned the last.

`task` has the net of `brains.eqprop.dream` learn a task after the other, with its dreams in the place of old images;
`study` puts what else could stand there, and what needs no net, in the same table.
"""
