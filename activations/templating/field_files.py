"""Files of templates that are fields, each a text in Liquid; to know their names takes no Liquid."""

FIELDS = ("push.yml", "whatsapp.yml", "in_app.yml", "web.yml", "row.yml", "webhook.yml")
PUSH, WHATSAPP, IN_APP, WEB, ROW, WEBHOOK = FIELDS
