"""The data plane: channels, templates, delivery and the journal. It knows no Dagster."""
