"""The torch reference: short, obviously right, and what every other kernel means; a file a thing, named as in `cpu`."""
