"""What a warehouse needs before its first tick."""

from activations.errors import HourbellError
from dagster_project.gate_out.held import create_holds
from dagster_project.home import Home
from dagster_project.landing.ingest import create_raw_tables
from dagster_project.ticks.interrupted import create_open_ticks
from dagster_project.ticks.tick_costs import create_tick_costs
from dagster_project.ticks.transform import manifest, run_dbt
from dagster_project.warehouse import open_warehouse


def prepare_warehouse(home: Home) -> None:
    """Create what the first tick needs to be there; costs next to nothing when it is."""
    home.prepare()
    seeds = ",".join(
        sorted(node.checksum.checksum for node in manifest().nodes.values() if node.resource_type == "seed")
    )
    with open_warehouse(home) as connection:
        create_raw_tables(connection)
        connection.execute("create schema if not exists engine")
        create_open_ticks(connection)
        create_holds(connection)
        create_tick_costs(connection)
        connection.execute("create table if not exists engine.configuration (seeds varchar)")
        loaded = connection.execute("select seeds from engine.configuration").fetchall()
    if loaded == [(seeds,)]:
        return
    result = run_dbt(home, ["seed", "--full-refresh"])
    failed = [seed for seed in result.results if str(seed.status) != "success"]
    if failed:
        raise HourbellError(f"The configuration {failed[0].node.name} cannot be loaded: {failed[0].message}")
    with open_warehouse(home) as connection:
        connection.execute("delete from engine.configuration")
        connection.execute("insert into engine.configuration values (?)", [seeds])
