"Synthesis from the outside: every kind of network, scores against a published implementation, the rendered truth."

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers import points_apart
from pgp_nb import synthesis as sy
from pgp_nb.camera import Camera, camera_of, rotation_to_angles
from pgp_nb.networks import NetworkConfig, PGPNet, load_net, save_net
from pgp_nb.prediction import PGP

SMALL = NetworkConfig(size=64, width=8, pose_features=32, appearance_channels=6, decoder_width=6)


@pytest.fixture(scope="module")
def reference():
    return sy.film_reference(3, 64, (-90.0, 45.0))


def small(**changes):
    torch.manual_seed(0)
    return points_apart(PGPNet(replace(SMALL, **changes)).eval())


def random_images(n, size=40, seed=0):
    "Smooth random pictures (n,3,size,size)."
    g = torch.Generator().manual_seed(seed)
    return torch.nn.functional.interpolate(torch.rand(n, 3, 8, 8, generator=g), size=(size, size), mode="bilinear")


def test_ssim_is_that_of_scikit_image():
    metrics = pytest.importorskip(
        "skimage.metrics", reason="scikit-image is not installed: SSIM is compared with the loop of the chapter only"
    )
    a, b = random_images(1)[0], random_images(1, seed=1)[0]
    noisy = (a + 0.1 * torch.randn(a.shape, generator=torch.Generator().manual_seed(2))).clamp(0, 1)
    for other in (b, noisy, a):
        _, theirs = metrics.structural_similarity(
            a.double().numpy(),
            other.double().numpy(),
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        assert np.abs(sy.ssim_map(a, other).numpy() - theirs.mean(0))[5:-5, 5:-5].max() < 1e-9


def test_ssim_is_symmetric_and_bounded():
    a, b = random_images(4), random_images(4, seed=3)
    assert (
        torch.allclose(sy.ssim_map(a, b), sy.ssim_map(b, a))
        and sy.ssim_map(a, b).max() <= 1
        and sy.ssim_map(a, 1 - a).mean() < 0.2
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"appearance": "spatial"},
        {"appearance": "pooled"},
        {"pose": "direct", "lifter": 0},
        {"pose": "joints", "lifter": 0},
        {"keypoints": 0, "top_down": 0, "lifter": 0, "puppet_scale": "isotropic"},
    ],
)
def test_every_kind_of_network(changes, reference):
    net, source = small(**changes), reference.source.image
    assert sy.pose_transfer(net, source, reference.pose.image).image.shape == (3, 3, 64, 64)
    views = sy.view_synthesis(net, source, [0, 90])
    assert views.parts.shape == (3, 2, 64, 64) and views.image.isfinite().all()
    same = sy.appearance_transfer(net, source, source)
    assert torch.allclose(same.joints_2d, views.joints_2d[:, 0], atol=1e-4)
    assert torch.allclose(same.image, views.image[:, 0], atol=1e-4)
    scores = sy.compare_synthesis(net, reference)
    assert all(math.isfinite(x) for rows in scores.values() for row in rows.values() for x in row.values())
    if net.cfg.appearance == "spatial":
        with pytest.raises(ValueError, match="appearance by part"):
            sy.appearance_transfer(net, source, source, ["torso"])


def test_a_part_takes_its_code_alone(reference):
    net = small()
    codes, donor = (sy._appearance_and_pose(net, x)[0] for x in (reference.source.image, reference.pose.image))
    seen = []
    net.paint, paint = lambda c, maps: seen.append(c) or paint(c, maps), net.paint
    sy.appearance_transfer(net, reference.source.image, reference.pose.image, ["head"])
    assert torch.equal(seen[-1][:, 1], donor[:, 1])
    rest = [i for i in range(10) if i != 1]
    assert torch.equal(seen[-1][:, rest], codes[:, rest])


@pytest.mark.parametrize("appearance, most", [("pooled", 0.02), ("carried", 0.05)])
def test_weights_from_a_file_paint_the_same(appearance, most, reference, tmp_path):
    net = small(appearance=appearance)
    save_net(net, tmp_path / "weights.safetensors")
    a, b = (
        sy.pose_transfer(n, reference.source.image, reference.pose.image).image
        for n in (net, load_net(tmp_path / "weights.safetensors"))
    )
    assert (a - b).abs().max() < most, "half precision: poses move by a fraction of a pixel, and patterns with them"


def test_the_reference_does_not_depend_on_the_number_of_people(reference):
    two = sy.film_reference(2, 64, (-90.0, 45.0))
    assert np.array_equal(two.source.image, reference.source.image[:2]) and np.array_equal(
        two.views.parts, reference.views.parts[:2]
    )
    assert not np.array_equal(sy.film_reference(2, 64, (0.0,), seed=1).source.image, two.source.image)


def test_the_same_person_is_filmed(reference):
    "Limb lengths are the person's own in every picture, also in another's pose."
    bones = lambda p: np.linalg.norm(p[..., [2, 3, 12, 13], :] - p[..., [1, 2, 11, 12], :], axis=-1)
    own = bones(reference.source.joints_3d)
    for other in (reference.pose, reference.exchanged):
        assert np.allclose(bones(other.joints_3d), own, atol=1)
    assert (
        np.allclose(bones(reference.views.joints_3d), own[:, None], atol=1)
        and np.abs(own - np.roll(own, 1, 0)).max() > 5
    )


def test_the_exchanged_pose_is_the_next_persons(reference):
    mine, theirs = (
        camera_of(torch.from_numpy(x))[0]
        for x in (reference.exchanged.joints_3d, np.roll(reference.source.joints_3d, -1, 0))
    )
    direction = lambda p: torch.nn.functional.normalize(p[:, [2, 3, 12, 13]] - p[:, [1, 2, 11, 12]], dim=-1)
    assert (direction(mine) * direction(theirs)).sum(-1).min() > 0.97


def test_masks_and_parts_agree(reference):
    for frames in reference[:4]:
        assert np.array_equal(frames.mask, frames.parts != 10) and frames.mask.any((-1, -2)).all()


def test_a_turn_adds_to_the_azimuth_of_upright_people():
    upright = Camera(torch.tensor([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]]), torch.tensor([10.0, 20, 4000]))
    for a in (-170.0, -30.0, 0.0, 75.0, 180.0):
        assert abs(float(torch.rad2deg(rotation_to_angles(sy._turn_camera(upright, a).rotation)[0])) - a) % 360 < 1e-3


def test_one_against_many(reference):
    net, source = small(), reference.source.image
    assert (
        len(sy.appearance_transfer(net, source, source[:1]).image)
        == len(sy.pose_transfer(net, source[:1], source).image)
        == 3
    )
    assert len(sy._transfer_sheet(net, source[:2], source)) == 3 * 64


@pytest.mark.parametrize(
    "images, words",
    [
        (np.zeros((1, 32, 32, 3), np.uint8), "this network takes"),
        (np.zeros((64, 64, 3), np.uint8), "this network takes"),
        (torch.full((1, 3, 64, 64), math.nan), "NaN or numbers outside"),
        (torch.full((1, 3, 64, 64), 255.0), "NaN or numbers outside"),
    ],
)
def test_images_it_cannot_take(images, words):
    good = np.zeros((1, 64, 64, 3), np.uint8)
    for call in (
        lambda: sy.pose_transfer(small(), images, good),
        lambda: sy.pose_transfer(small(), good, images),
        lambda: sy.appearance_transfer(small(), images, good),
        lambda: sy.view_synthesis(small(), images, [0]),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_intervals_draw_people_with_all_their_views():
    g = torch.Generator().manual_seed(0)
    true, masks = random_images(30), torch.ones(30, 40, 40, dtype=torch.bool)
    guess = (true + 0.3 * torch.rand(30, 1, 1, 1, generator=g)).clamp(0, 1)
    views = lambda x: x.repeat_interleave(4, 0)
    width = lambda **kw: np.ptp(
        sy.synthesis_scores(views(guess), views(true), views(masks), intervals=True, **kw)["l1_ci"]
    )
    assert width(groups=np.arange(120) // 4) > 1.6 * width()


def part_colour_error(net, reference, least=0.002):
    "Mean absolute difference of each part's mean colour in I-hat from that in the source, where both show it."
    found = sy.pose_transfer(net, reference.source.image, reference.pose.image)
    source = torch.from_numpy(reference.source.image).permute(0, 3, 1, 2) / 255
    errors = []
    for i in range(len(source)):
        for part in range(10):
            there, here = torch.from_numpy(reference.source.parts[i]) == part, found.parts[i] == part
            if min(there.float().mean(), here.float().mean()) > least:
                errors.append((source[i][:, there].mean(1) - found.image[i][:, here].mean(1)).abs().mean())
    return float(torch.stack(errors).mean())


def test_people_keep_their_colours():
    "A decoder that paints in code colours, the same for everybody, is wrong by .12."
    net = PGP.from_pretrained("unsup", "cpu").net
    if net.cfg.appearance != "carried":
        pytest.skip("the shipped weights are of pooled appearance")
    assert part_colour_error(net, sy.film_reference(12, net.cfg.size)) <= 0.06
