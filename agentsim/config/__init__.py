"""From YAML to checked models: what a run is determined by."""
