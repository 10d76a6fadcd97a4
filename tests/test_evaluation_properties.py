"Properties of the metrics on poses nobody thought of, and of the widgets on values nobody would set."

import math

import pytest
import torch

hypothesis = pytest.importorskip(
    "hypothesis", reason="hypothesis is not installed: properties are not tried on generated input"
)
from hypothesis import given, settings, strategies as st

from pgp_nb import evaluation as ev
from pgp_nb.conventions import JOINT_ORDERS, MIRROR, N_JOINTS, convert_joints

quick = settings(max_examples=60, deadline=None, derandomize=True)

mm = st.floats(-3000, 3000, allow_nan=False, width=32)
poses = st.lists(mm, min_size=51, max_size=51).map(lambda x: torch.tensor(x, dtype=torch.float64).view(17, 3))
angle = st.floats(-math.pi, math.pi)


def rotation(a, b, c):
    "Rotation matrix from three angles."
    x = torch.tensor([[0, -c, b], [c, 0, -a], [-b, a, 0]], dtype=torch.float64)
    return torch.matrix_exp(x)


@quick
@given(poses, poses, st.floats(0.01, 100), angle, angle, angle, mm, mm, mm)
def test_pa_mpjpe_forgives_similarities(p, t, scale, a, b, c, x, y, z):
    moved = scale * p @ rotation(a, b, c).mT + torch.tensor([x, y, z])
    assert abs(ev.pa_mpjpe(moved, t) - ev.pa_mpjpe(p, t)) < 1e-3 or spread(p) < 1e-3


def spread(p):
    return float((p - p.mean(-2, keepdim=True)).norm())


@quick
@given(poses, poses)
def test_errors_are_finite_and_ordered(p, t):
    errors = [float(f(p, t)) for f in (ev.mpjpe, ev.n_mpjpe, ev.pa_mpjpe, ev.pa_mpjpe_oracle_facing)]
    assert all(math.isfinite(e) and e >= 0 for e in errors)
    assert errors[3] <= errors[2] + 1e-9
    rms = lambda q: float((q - t).square().sum(-1).mean().sqrt())
    assert rms(ev.procrustes_align(p, t)) <= rms(p) + 1e-6, "the best similarity is no worse than none"
    for share in (ev.pck_3d, ev.auc_3d, ev.facing_error):
        assert 0 <= float(share(p, t)) <= 1
    assert ev.auc_3d(p, t) <= ev.pck_3d(p, t) + 1e-6


@quick
@given(poses, poses, st.floats(0.01, 100), mm, mm, mm)
def test_root_alignment_and_scale(p, t, scale, x, y, z):
    shift = torch.tensor([x, y, z])
    assert abs(ev.mpjpe(p + shift, t) - ev.mpjpe(p, t)) < 1e-6
    assert abs(ev.n_mpjpe(scale * p, t) - ev.n_mpjpe(p, t)) < 1e-6
    assert abs(ev.mpjpe(scale * p, scale * t) - scale * ev.mpjpe(p, t)) < 1e-4


@quick
@given(poses)
def test_a_depth_flipped_pose_has_the_other_facing(p):
    flipped = ev.depth_mirror(p)
    assert float(ev.pa_mpjpe_oracle_facing(flipped, p)) < 1e-3
    assert torch.allclose(flipped[list(MIRROR), :2], p[:, :2])


labels = st.lists(st.integers(0, 10), min_size=12, max_size=12).map(lambda x: torch.tensor(x).view(3, 4))


@quick
@given(labels, labels)
def test_f1_is_symmetric_and_a_share(a, b):
    assert torch.equal(ev.part_f1(a, b).nan_to_num(-1), ev.part_f1(b, a).nan_to_num(-1))
    for key, value in ev._part_scores(a[None], b[None]).items():
        assert math.isnan(value) or 0 <= value <= 1, key
    assert int(ev.confusion(a, b).sum()) == a.numel()


@quick
@given(poses, st.integers(0, 50), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_one_bad_number_is_refused(p, i, bad):
    broken = p.flatten().clone()
    broken[i] = bad
    with pytest.raises(ValueError, match="NaN or infinite joints in 1 of 1 samples"):
        ev.mpjpe(broken.view(17, 3), p)


@quick
@given(st.sampled_from(sorted(JOINT_ORDERS)), st.integers(1, 40))
def test_only_the_right_number_of_joints_converts(source, n):
    x = torch.zeros(n, 2)
    if n == len(JOINT_ORDERS[source].joints):
        assert convert_joints(x, source).shape == (N_JOINTS, 2)
    else:
        with pytest.raises(ValueError, match=source):
            convert_joints(x, source)


@quick
@given(labels, labels, st.lists(st.booleans(), min_size=12, max_size=12).map(lambda x: torch.tensor(x).view(3, 4)))
def test_unknown_pixels_do_not_count(a, b, hidden):
    "Whatever is predicted where the truth is not known."
    truth = b.masked_fill(hidden, ev.UNKNOWN)
    assert torch.equal(ev.confusion(a, truth), ev.confusion(a.masked_fill(hidden, 3), truth))
    assert int(ev.confusion(a, truth).sum()) == int((~hidden).sum())


def test_the_label_of_unknown_pixels_is_that_of_the_samples():
    assert pytest.importorskip("pgp_nb.datasets.samples").UNKNOWN == ev.UNKNOWN


values = st.lists(st.floats(-100, 100, allow_nan=False), min_size=1, max_size=12).map(
    lambda x: torch.tensor(x, dtype=torch.float64)
)


@quick
@given(values, st.integers(0, 5))
def test_an_interval_lies_within_the_values(x, seed):
    low, high = ev.bootstrap_ci(x, seed, n=200)
    assert x.min() - 1e-9 <= low <= high <= x.max() + 1e-9
    assert ev.bootstrap_ci(x, seed, n=200, groups=torch.zeros(len(x))) == pytest.approx(
        (float(x.mean()),) * 2, abs=1e-9
    ), "one group: every draw is the whole"
    assert ev.bootstrap_ci(x, seed, n=200, groups=7 * torch.arange(len(x)) + 3) == pytest.approx(
        (low, high), abs=1e-9
    ), "the names of the groups do not matter"


def test_intervals_cover_the_truth():
    "Of 200 samples of 60 people, about 95 % of the intervals hold the mean of the population."
    g = torch.Generator().manual_seed(0)
    held = [
        low <= 1 <= high
        for low, high in (
            ev.bootstrap_ci(torch.empty(60, dtype=torch.float64).exponential_(generator=g), n=400) for _ in range(200)
        )
    ]
    assert 0.88 <= sum(held) / 200 <= 0.985


def test_evaluate_draws_pairs_unless_told_otherwise():
    g = torch.Generator().manual_seed(0)
    truth = 300 * torch.randn(40, 17, 3, generator=g).repeat_interleave(2, 0)
    guess = truth + 50 * torch.randn(40, 17, 3, generator=g).repeat_interleave(2, 0) * torch.rand(
        40, 1, 1, generator=g
    ).repeat_interleave(2, 0)
    width = lambda **kw: (lambda ci: ci[1] - ci[0])(
        ev.evaluate({"joints_3d": guess}, {"joints_3d": truth}, intervals=True, **kw)["pa_mpjpe_ci"]
    )
    assert width() == width(groups=torch.arange(80) // 2)
    assert width(groups=torch.arange(80)) < 0.85 * width(), "twins drawn apart look like twice as many people"


@quick
@given(poses, poses, st.floats(0.01, 100), angle, angle, angle)
def test_the_similarity_is_that_of_procrustes(p, t, scale, a, b, c):
    if spread(p) < 1 or spread(t) < 1:
        return
    left = (ev.procrustes_align(p, t) - t).square().sum() / spread(t) ** 2
    for moved in (p, scale * p @ rotation(a, b, c).mT):
        assert abs(1 - ev.similarity(moved[None], t[None])[0, 0] ** 2 - left) < 2e-3


def test_the_nearest_pose_is_no_farther_than_any_other():
    g = torch.Generator().manual_seed(1)
    poses, truth = 300 * torch.randn(60, 17, 3, generator=g), 300 * torch.randn(9, 17, 3, generator=g)
    found = ev.pa_mpjpe(ev.nearest_pose(poses, truth, shortlist=60, chunk=4), truth)
    assert torch.allclose(found, ev.pa_mpjpe(poses[:, None], truth).amin(0), atol=0.05)


number = st.one_of(st.floats(), st.integers(), st.none(), st.booleans(), st.text(max_size=3))
anything = st.one_of(
    number, st.lists(number, max_size=17), st.dictionaries(st.sampled_from(["bend", "roll", "azimuth"]), number)
)


@pytest.mark.parametrize("name, traits", [("PuppetWidget", ["joints", "depths"]), ("PoseWidget", ["pose", "values"])])
def test_no_value_hurts_a_widget(name, traits):
    pytest.importorskip("anywidget", reason="anywidget is not installed: the widgets are not tried")
    from traitlets import TraitError

    from pgp_nb import widgets

    widget = getattr(widgets, name)(size=32)

    @quick
    @given(st.sampled_from(traits), anything)
    def tried(trait, value):
        before = getattr(widget, trait)
        try:
            setattr(widget, trait, value)
        except (TraitError, ValueError):
            assert getattr(widget, trait) == before
        assert widget.q.isfinite().all() and widget.depth.isfinite().all()

    tried()
