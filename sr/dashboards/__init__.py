"""Runs side by side: one page that opens from the disk, and the workspace on W&B."""
