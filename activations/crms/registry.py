"""The CRMs that there are, by the platform that crm.yml gives them."""

from collections.abc import Callable, Mapping

from activations.channels.face import Setting
from activations.crms import hubspot, salesforce
from activations.crms.face import Crm
from activations.crms.settings import CrmSetting

CRMS: Mapping[str, Callable[[Setting, CrmSetting], Crm]] = {
    "hubspot": hubspot.open_crm,
    "salesforce": salesforce.open_crm,
}
"""Each raises HourbellError where it cannot be used."""
