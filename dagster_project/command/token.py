"""hourbell token"""

import os
from datetime import timedelta
from typing import Annotated

import typer

from activations.errors import HourbellError
from activations.settings.environment import silent_profile
from activations.surfaces.tokens import Viewer, contact_token, token_key
from dagster_project.deliver import utc_now
from dagster_project.home import Home


def token(
    user_id: Annotated[str | None, typer.Option("--user", help="The id that the business gives the contact.")] = None,
    contact_id: Annotated[int | None, typer.Option("--contact", help="Our own id of the contact.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=8_760, help="For how long it is good.")] = 1.0,
    key: Annotated[bool, typer.Option("--key", help="Print the key that signs them instead, as hexadecimal.")] = False,
) -> None:
    """Print a token by which a page or an app asks the collector for one contact's inbox and decisions.

    It is to try things out. Your own server makes them with any library for JSON Web Tokens (HS256), from the claims
    user_id, aud "hourbell" and exp, and the key that --key prints.

    Example: hourbell token --user u1
    """
    link_key = silent_profile(Home.from_environment().sandbox, os.environ).link_key
    if key:
        typer.echo(token_key(link_key).hex())
        return
    if (user_id is None) == (contact_id is None):
        raise HourbellError("Say whose token it is to be, by --user or by --contact.")
    typer.echo(contact_token(Viewer(contact_id, user_id), link_key, utc_now() + timedelta(hours=hours)))
