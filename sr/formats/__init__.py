"""File formats: read to an array and what else the file says, write it back."""
