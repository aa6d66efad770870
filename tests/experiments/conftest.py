"""The statistics of experiments as SQL over tables that a test fills."""

from collections.abc import Mapping

import pytest
from compiled_macros import compiled
from trials import LONGEST_STAY

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
    "conversions": (
        "step_lift",
        "with {{ conversion_lifts('counted', ['run', 'look']) }}\nselect * exclude (times_to_call) from compared",
    ),
    "revenues": (
        "revenue_lift",
        "with {{ revenue_lifts('spent', ['run', 'look']) }}\nselect * exclude (times_to_call) from compared_revenue",
    ),
    "adjusted": (
        "adjusted_lift",
        "with {{ adjusted_for_history('measured', ['run']) }}\nselect * from adjusted",
    ),
    "lift": (
        "global_assignments",
        "with {{ lift_of('everybody', 'goals', ['run']) }}\nselect run, {{ lift_columns() }}\nfrom lifts",
    ),
    "in money": (
        "experiment_results",
        "with {{ spent_by_side('people', 'earned', ['run']) }},\n{{ revenue_lifts('spent', ['run']) }}\n"
        "select run, {{ revenue_lift_columns() }}, is_conclusive\nfrom compared_revenue",
    ),
    "workflows": ("holdout_lift", None),
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
    sql = compiled(home, dict(QUESTIONS.values()), variables={"longest_stay": LONGEST_STAY})
    return {question: sql[model] for question, (model, _) in QUESTIONS.items()}
