"""What can be seen to be wrong with templates by reading them: no message is made of any."""

from collections.abc import Iterator

from activations.channels.face import UnsendableError
from activations.settings.endpoints import FILE as ENDPOINTS
from activations.settings.endpoints import read_endpoints
from activations.templating.field_files import WEBHOOK
from activations.templating.files import template_files, unread_files
from activations.templating.rendering import Templates
from dagster_project.lint.finding import Finding
from dagster_project.lint.reading import Project


def broken_templates(project: Project) -> Iterator[Finding]:
    templates = Templates(project.templates)
    endpoints = read_endpoints(project.templates)
    for name in templates.names:
        own = project.templates / name
        if (own / WEBHOOK).exists() and name not in endpoints:
            problem = f"{ENDPOINTS} has no endpoint {name} that this is for"
            mend = f"add {name} to {ENDPOINTS}, or name the folder after one of {', '.join(sorted(endpoints)) or 'it'}"
            yield Finding(own / WEBHOOK, 1, problem, mend)
        for path in unread_files(own):
            mend = "name it as in subject.liquid, body.mjml.liquid or body.de.mjml.liquid, or take it away"
            yield Finding(path, 1, f"nothing reads {path.name}", mend)
        files = template_files(own)
        first = files[0].path if files else own
        try:
            needed = templates.needs(name, "")
        except UnsendableError as error:
            yield Finding(first, 1, str(error), "mend it: as it is, each of its messages is rejected")
            continue
        for locale in templates.locales(name)[1:]:
            path = next(file.path for file in files if file.locale == locale)
            try:
                fields = _fields(templates.needs(name, locale)) - _fields(needed)
            except UnsendableError as error:
                yield Finding(path, 1, str(error), f"mend it: as it is, nobody who reads {locale} gets a message")
                continue
            for field in sorted(fields):
                problem = f"{name} in {locale} needs {field}, and otherwise does not"
                yield Finding(
                    path, 1, problem, "take it out, say what stands in for it (default: …), or use it in both"
                )


def _fields(needed: dict[str, frozenset[str]]) -> set[str]:
    return {f"{root}.{field}" for root, fields in needed.items() for field in fields or {"*"}}
