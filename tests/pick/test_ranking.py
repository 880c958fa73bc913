"""The answer: cheapest way that keeps to the need, nothing unknown passes for cheap or fast, a front nobody beats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pick_cases import abilities_of, make_offer, make_run, make_subject, make_world, need_of

from weighbridge.catalog.facts import Fact, Source
from weighbridge.catalog.records import Provider
from weighbridge.cost.hardware import Hardware
from weighbridge.cost.workload import sure
from weighbridge.pick.evidence import Quality
from weighbridge.pick.ranking import Ranked, front_of, near_misses, pick
from weighbridge.pick.ways import Refused, Way, choose_way

OWN = '[work]\nkind = "coding"\n[serve]\nhow = "own"\non = ["H100"]\n'
API = '[work]\nkind = "coding"\n[serve]\nhow = "api"\n'


def way_of(need: str, *runs: object, **subject: object) -> Way | Refused:
    return choose_way(make_subject(**subject), need_of(need), make_world(*runs))  # type: ignore[arg-type]


def test_the_cheapest_provider_whose_price_is_whole_is_taken() -> None:
    offers = (
        make_offer(provider="holey", input=0.01, output=None),
        make_offer(provider="dear", input=5.0),
        make_offer(),
    )

    way = way_of(API, offers=offers)

    assert isinstance(way, Way)
    assert way.how == "north"


def test_a_model_with_unknown_prices_alone_is_refused_by_name() -> None:
    way = way_of(API, offers=(make_offer(output=None),))

    assert isinstance(way, Refused)
    assert "output price is not known" in way.because


def test_a_limit_on_dollars_excludes_with_both_figures() -> None:
    way = way_of(API + "usd_month = 5\n")

    assert isinstance(way, Refused)
    assert "$27.39 a month at north" in way.because
    assert "$5.00" in way.because


@pytest.mark.parametrize("speed", ["ttft_s = 1", "tokens_per_s = 20"])
def test_a_need_for_speed_is_not_met_by_providers_whose_speed_nobody_knows(speed: str) -> None:
    way = way_of(f"{API}[speed]\n{speed}\n")

    assert isinstance(way, Refused)
    assert "not known" in way.because


@pytest.mark.parametrize(
    ("run", "word"),
    [
        (make_run(ttft_s=sure(3.0)), "first token after 3 s, asked 1 s"),
        (make_run(user_tps=sure(5.0)), "5 tokens/s"),
        (make_run(user_tps=None, ttft_s=None, pace=None), "speed is not known"),
    ],
)
def test_hardware_too_slow_or_of_unknown_speed_is_refused_with_the_figure(run: object, word: str) -> None:
    way = way_of(f"{OWN}[speed]\nttft_s = 1\ntokens_per_s = 20\n", run)

    assert isinstance(way, Refused)
    assert word in way.because


def test_the_best_format_that_keeps_to_the_limits_is_taken() -> None:
    slow, quick = make_run(variant="bf16", user_tps=sure(8.0)), make_run(variant="fp8", user_tps=sure(30.0))

    way = way_of(f"{OWN}[speed]\ntokens_per_s = 20\n", slow, quick, make_run(variant="awq", user_tps=sure(90.0)))

    assert isinstance(way, Way)
    assert way.fits_on == "H100-SXM x1, fp8"


def test_of_formats_that_lose_nothing_the_cheapest_is_taken_and_a_lossy_one_only_after_them() -> None:
    plain, eight = make_run(variant="bf16", decode=2.0), make_run(variant="fp8", decode=2000.0)
    four = make_run(variant="awq", decode=9000.0, is_whole=False)

    way, lossy = way_of(OWN, plain, eight, four), way_of(OWN, four)

    assert isinstance(way, Way)
    assert isinstance(lossy, Way)
    assert way.fits_on == "H100-SXM x1, fp8"
    assert lossy.fits_on == "H100-SXM x1, awq"


def test_weights_that_cannot_be_had_do_not_run_on_own_hardware() -> None:
    way = way_of(OWN, make_run(), open_weights=False)

    assert isinstance(way, Refused)
    assert "weights cannot be had" in way.because


def test_what_does_not_fit_says_what_it_takes() -> None:
    way = choose_way(make_subject(), need_of(OWN), make_world(because="fp8 takes 90 GiB, H100 has 79 GiB"))

    assert way == Refused("fp8 takes 90 GiB, H100 has 79 GiB")


SOURCES = {"s": Source("s", "S", "primary")}


@pytest.mark.parametrize(
    ("rule", "record", "passes"),
    [
        ('data_in = ["EU"]', Provider("north", "N", data_location=(Fact("Paris, France", "s", "2026"),)), True),
        ('data_in = ["EU"]', Provider("north", "N", data_location=(Fact("China", "s", "2026"),)), False),
        ('data_in = ["EU"]', Provider("north", "N"), False),
        ('seat_in = ["EU"]', Provider("north", "N", country=(Fact("FR", "s", "2026"),)), True),
        ('seat_in = ["EU"]', Provider("north", "N"), False),
        ("known_providers = true", Provider("north", "N", country=(Fact("CN", "s", "2026"),)), True),
        ("known_providers = true", Provider("north", "N"), False),
        ("no_training_on_inputs = true", Provider("north", "N", trains_on_inputs=(Fact("opt-in", "s", "2026"),)), True),
        (
            "no_training_on_inputs = true",
            Provider("north", "N", trains_on_inputs=(Fact("opt-out", "s", "2026"),)),
            False,
        ),
        ("no_training_on_inputs = true", Provider("north", "N"), False),
        ('providers = ["south"]', Provider("north", "N"), False),
        ('not_providers = ["north"]', Provider("north", "N"), False),
    ],
)
def test_a_provider_must_keep_to_every_rule_about_it(rule: str, record: Provider, passes: bool) -> None:
    need = need_of(f'[work]\nkind = "coding"\n[serve]\nhow = "api"\n[rules]\n{rule}\n')

    way = choose_way(make_subject(), need, make_world(providers={"north": record}, sources=SOURCES))

    assert isinstance(way, Way) == passes


def test_every_model_is_either_ranked_or_excluded_with_a_reason() -> None:
    subjects = [make_subject("a/good"), make_subject("a/base", stage="base"), make_subject("a/unpriced", offers=())]

    answer = pick(need_of(API), subjects, abilities_of("a/unpriced", "a/good", "a/base"), make_world())

    assert [each.id for each in answer.ranked] == ["a/good"]
    assert {each.id for each in answer.excluded} == {"a/base", "a/unpriced"}
    assert all(each.because for each in answer.excluded)
    assert [each.id for each in near_misses(answer, 5)] == ["a/unpriced"]


def test_the_better_measured_model_stands_first_and_the_reasons_name_its_benchmarks() -> None:
    subjects = [make_subject("a/second"), make_subject("a/first")]

    answer = pick(need_of(API), subjects, abilities_of("a/first", "a/second"), make_world())

    assert [each.id for each in answer.ranked] == ["a/first", "a/second"]
    assert "2 benchmarks of coding" in answer.ranked[0].why[0]


def ranked(name: str, cost: float | None, value: float) -> Ranked:
    way = Way(how="x", usd=None if cost is None else sure(cost), decode_tps=None, fits_on=None, why=())
    return Ranked(id=name, quality=Quality(value, value - 1, value + 1, (), 0), way=way, group=1, why=())


@given(st.lists(st.tuples(st.none() | st.floats(1, 1e6), st.floats(20, 70)), min_size=1, max_size=25))
def test_nobody_on_the_front_is_beaten_and_everybody_off_it_is(found: list[tuple[float | None, float]]) -> None:
    models = [ranked(f"m{place}", cost, value) for place, (cost, value) in enumerate(found)]
    priced = {each.id: (each.way.usd.value, each.quality.low) for each in models if each.way.usd}

    front = front_of(models)

    assert set(front) <= set(priced)
    for name, (cost, value) in priced.items():
        beaten = any(c <= cost and v >= value and (c, v) != (cost, value) for c, v in priced.values())
        assert beaten or name in front or (cost, value) in [priced[each] for each in front]
        assert name not in front or not beaten


def test_a_fact_that_is_missing_excludes_and_is_named() -> None:
    need = need_of('[work]\nkind = "coding"\ntools = true\n[serve]\nhow = "api"\n')

    answer = pick(need, [make_subject("a/x", tools=None)], abilities_of("a/x"), make_world())

    assert answer.ranked == ()
    assert answer.excluded[0].because == "whether it was trained to call tools is not known"


def test_hardware_of_unknown_price_meets_no_limit_on_dollars_and_is_no_cheap_way() -> None:
    unpriced = make_run(hardware=Hardware(device="H100-SXM"))

    limited = way_of(f"{OWN}usd_month = 100000\n", unpriced)
    either = way_of('[work]\nkind = "coding"\n[serve]\nhow = "either"\non = ["H100"]\n', unpriced)

    assert isinstance(limited, Refused)
    assert "what a H100-SXM costs is not known" in limited.because
    assert isinstance(either, Way)
    assert either.how == "north"
