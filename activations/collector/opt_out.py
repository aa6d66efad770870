"""When what somebody texts back means that they want no more of it."""

import re
import unicodedata

WORDS = frozenset(
    {"stop", "stopall", "stopp", "quit", "end", "revoke", "optout", "cancel", "unsubscribe", "arret", "remove"}
)
"""As they are once case, spaces, accents and marks are gone."""
# what people put around it
_AROUND = frozenset(
    {
        "please",
        "pls",
        "plz",
        "thanks",
        "thank",
        "you",
        "now",
        "me",
        "all",
        "it",
        "this",
        "these",
        "the",
        "from",
        "texts",
        "texting",
        "text",
        "messages",
        "messaging",
        "sms",
        "everything",
        "promotions",
    }
)
_LETTERS = re.compile(r"[^\W\d_]+")
_ONLY_STOP = re.compile(f"(?:{'|'.join(sorted(WORDS))})+")


def means_stop(text: str | None) -> bool:
    """Whether a text is one of the words, in any case and spacing: `STOP`, ` s t o p `, `Opt-Out.`, `Please stop`.

    A word within a sentence of its own (`until the end of May`) does not count.
    """
    words = _LETTERS.findall(_plain(text or ""))
    kept = [word for word in words if word not in _AROUND]
    return any(_ONLY_STOP.fullmatch("".join(some)) for some in (words, kept))


def _plain(text: str) -> str:
    """In lower case and without accents."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in apart if unicodedata.category(character) != "Mn")
