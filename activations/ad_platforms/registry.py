"""The ad platforms that there are, by the name that audiences.yml gives them."""

from collections.abc import Callable, Mapping

from activations.ad_platforms import google, meta
from activations.ad_platforms.face import AdPlatform
from activations.ad_platforms.settings import AudienceSetting
from activations.channels.face import Setting

PLATFORMS: Mapping[str, Callable[[Setting, AudienceSetting], AdPlatform]] = {
    "google": google.open_platform,
    "meta": meta.open_platform,
}
"""Each raises HourbellError where it cannot be used."""
