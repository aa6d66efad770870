"""Who a contact of a CRM is, as columns of ours."""

from collections.abc import Mapping

from activations.crms.face import Record
from activations.crms.memory import canonical
from activations.crms.settings import CrmSetting

IDENTIFIERS = ("email", "phone", "user_id")


def identifiers(record: Record, names: Mapping[str, str], crm: CrmSetting) -> dict[str, str | None]:
    """What tells who it is; `names` are the CRM's properties by the columns of ours."""
    known = {ours: canonical(record.values.get(names.get(ours, ""))) or None for ours in IDENTIFIERS}
    return {**known, "user_id": known["user_id"] or stranger(record, crm)}


def stranger(record: Record, crm: CrmSetting) -> str:
    """Of whom the CRM does not know our id; its own numbers must not be taken for ours."""
    return f"{crm.platform}:{record.number}"
