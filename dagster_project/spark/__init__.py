"""Spark as a target of dbt, for those who outgrow one machine. Needs the extra `spark` and Java."""
