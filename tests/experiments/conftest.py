"""The statistics of experiments as SQL over tables that a test fills."""

from collections.abc import Mapping

import pytest
from compiled_macros import compiled
from trials import GLOBAL_HOLDOUT

from dagster_project.home import Home

QUESTIONS: Mapping[str, tuple[str, str | None]] = {
    "verdicts": (
        "ticks",
        "with {{ experiment_verdicts('counted', ['run', 'look']) }}\n"
        "select verdicts.run, verdicts.look, verdicts.winner, bool_or(judged.is_vetoed) as is_vetoed\n"
        "from verdicts inner join judged using (run, look) group by all",
    ),
    "compared": (
        "midnights",
        "with {{ experiment_verdicts('counted', ['run', 'look']) }}\nselect * from compared where other_place = 1",
    ),
    "adjusted": (
        "adjusted_lift",
        "with {{ adjusted_for_history('measured', ['run']) }}\nselect * from adjusted",
    ),
    "lift": (
        "holdout_lift",
        "with {{ lift_of('everybody', 'goals', ['run']) }}\nselect run, {{ lift_columns() }}\nfrom lifts",
    ),
    "marketing": ("marketing_lift", None),
    "incremental": ("incremental_revenue", None),
    "tails": (
        "workflow_positions",
        "select number, freedom, {{ normal_tail('number') }} as normal,\n"
        "    {{ chi_square_tail('number', 'freedom') }} as chi_square,\n"
        "    {{ sample_ratio_p('held_out', 'expected', 'people') }} as ratio_p from given",
    ),
}


@pytest.fixture(scope="session")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The SQL of each question, as dbt makes it of the macros."""
    home = Home(tmp_path_factory.mktemp("experiments")).prepare()
    sql = compiled(home, dict(QUESTIONS.values()), variables={"global_holdout": GLOBAL_HOLDOUT})
    return {question: sql[model] for question, (model, _) in QUESTIONS.items()}
