"""Errors that a person reads."""


class HourbellError(Exception):
    """Something that the reader can mend; the message names the thing and the mend."""
