"""The control plane: what runs when, and the `hourbell` command."""
