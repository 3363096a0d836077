"""Mistakes of the user, told in one sentence: what was given, what is needed, what to do."""


class UserError(ValueError):
    """Commands print its message without a traceback and end with status 1."""


class MissingError(UserError, FileNotFoundError):
    """A file, folder or download that is not there."""
