"""Whether templates can be sent with what the steps that use them carry."""

from collections.abc import Collection, Mapping

from activations.channels.face import UnsendableError
from activations.templating.rendering import Templates

CONTACT_FIELDS = frozenset({"user_id", "email", "phone", "first_name", "last_name", "country", "locale", "timezone"})
MESSAGE_FIELDS = frozenset({"topic", "variant", "unsubscribe_url", "preferences_url"})


def check_templates(templates: Templates, uses: Mapping[str, Collection[str]] | None = None) -> list[str]:
    """What is wrong with the templates, each in one sentence; nothing where all can be sent.

    `uses` says which columns the steps that use a template carry, by template; a template that is not in it is only
    checked for fields that no message has.
    """
    problems = []
    carried = uses or {}
    for name in sorted({*templates.names, *carried}):
        try:
            needed = templates.needs(name)
        except UnsendableError as error:
            problems.append(f"{error}.")
            continue
        known: dict[str, Collection[str]] = {
            "contact": CONTACT_FIELDS,
            "message": MESSAGE_FIELDS,
            "shop": templates.shop.as_fields(),
            "context": carried.get(name, needed.get("context", ())),
        }
        for root, fields in sorted(needed.items()):
            if root not in known:
                problems.append(f"template {name} refers to {root}, which no message has.")
            problems += [
                f"template {name} needs {root}.{field}, which its steps do not carry."
                for field in sorted(fields - set(known.get(root, fields)))
            ]
    return problems
