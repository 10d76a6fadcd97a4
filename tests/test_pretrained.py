"""The weights that come with the library: whole, small and described.

On people they have not seen they are better than the mean pose.
"""

import pytest
import torch

from pgp_nb.engine.loading import held_out_frames, people_pairs
from pgp_nb.engine.measure import mean_pose_prediction, predict_batches
from pgp_nb.evaluation import pa_mpjpe
from pgp_nb.people.people import unpaired_poses
from pgp_nb.prediction import PGP, model_card, pretrained_file, pretrained_names

NAMES = pretrained_names()


def test_unsup_ships_beside_one_more_level_within_24_mb():
    assert {"unsup", "semi"} <= set(NAMES)
    assert sum(pretrained_file(n).stat().st_size for n in NAMES) <= 24e6


@pytest.mark.parametrize("name", NAMES)
def test_cards_say_how_the_weights_came_about_and_how_good_they_are(name):
    card = model_card(name)
    headings = [f"## {title}" for title in "Training Metrics Limits Licence".split()]
    contents = ["python -m pgp_nb.training --release", "pa_mpjpe", "mean pose", "Apache-2.0"]
    for said in headings + contents:
        assert said in card, said


@pytest.mark.parametrize("name", NAMES)
def test_held_out_people_are_seen_better_than_by_the_mean_pose(name):
    net = PGP.from_pretrained(name, "cpu").net
    held = held_out_frames(people_pairs("test", 24, net.cfg.size, progress=False))
    found = predict_batches(net, held.images, decoder=False)["joints_3d"]
    mean = mean_pose_prediction(torch.from_numpy(unpaired_poses(2000, upright=True)), held.truth, net.cfg.size)[
        "joints_3d"
    ]
    assert pa_mpjpe(found, held.truth["joints_3d"]).mean() < 0.9 * pa_mpjpe(mean, held.truth["joints_3d"]).mean()


def test_a_photograph_of_any_size_is_read():
    found = PGP.from_pretrained("unsup", "cpu").predict_crops(
        (torch.rand(3, 210, 130, generator=torch.Generator().manual_seed(0)) * 255).byte()
    )
    assert (
        found.joints_3d.shape == (1, 17, 3) and found.parts.shape == (1, 210, 130) and found.joints_3d.isfinite().all()
    )
