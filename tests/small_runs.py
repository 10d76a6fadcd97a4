"Runs of seconds through all stages, at each level of supervision: for tests of devices and of several processes."

import torch
import torch.nn.functional as F

from pgp_nb.engine.config import changed, load_config
from pgp_nb.engine.data import TrainData, random_view
from pgp_nb.engine.loading import RunData
from pgp_nb.engine.measure import HeldOut
from pgp_nb.engine.runs import train
from pgp_nb.kinematics import canonicalise, forward_kinematics
from pgp_nb.prediction import PGP
from pgp_nb.training import Trainer, step

LEVELS = dict(
    none={}, weak=dict(weak=1.0), multi_view=dict(multi_view=1.0), semi=dict(supervised=1.0), full=dict(supervised=1.0)
)


def at_level(cfg, kind, **values):
    "A configuration at a supervision level; at the full one nothing else is minimised."
    others = dict.fromkeys(cfg.terms, 0.0) if kind == "full" else {}
    return changed(cfg, terms=others | LEVELS[kind], **values)


def small_run(kind="none"):
    """Every stage within 20 iterations, or within 9 at the other supervision levels.

    The learning rate is low. At 1e-3 one process whose weights differ by 1e-7 from another's ends 5e-4 away from it,
    since Adam divides rounding errors by themselves; at 2e-5 (3e-5 at the other levels), on some processors, a running
    statistic ends 1.8e-5 away. No cut-outs: what the network sees as a silhouette is cut at a threshold there, and a
    rounding error that moves a pixel across it is one no longer.
    """
    stages = dict(iterations=20, bootstrap=5, warmup=5)
    terms = dict(paint=dict(cutouts=0.0), self_training=dict(start=2))
    steps = dict(batch_size=8, shards=2, lr=1e-5, precision="float32")
    network = dict(size=32, width=8, pose_features=32)
    cfg = load_config("tiny", stages | steps | network | dict(terms=terms))
    if kind == "none":
        return cfg
    sooner = changed(cfg, terms=dict(self_training=dict(start=1)))
    return at_level(sooner, kind, iterations=9, bootstrap=3, warmup=2, lr=2e-5)


def six_iterations(kind):
    "All stages, with cut-outs and pseudo-labels from the first iteration on."
    cfg = changed(small_run(), terms=dict(paint=dict(cutouts=0.5, cutouts_start=0), self_training=dict(start=0)))
    if kind == "full":
        return at_level(cfg, kind, iterations=6, bootstrap=0, warmup=0)
    return at_level(cfg, kind, iterations=6, bootstrap=2, warmup=1)


def toy_data(n=12, size=32):
    "Pairs of smooth noise with poses drawn at random."
    g = torch.Generator().manual_seed(1)
    poses = canonicalise(forward_kinematics(torch.randn(64, 17, 3, generator=g)))[0]
    view = random_view(poses[: 2 * n], size, g)

    def smooth(*shape):
        noise = torch.rand(*shape, 8, 8, generator=g)
        return F.interpolate(noise, size=(size, size), mode="bilinear").mul(255).byte()

    in_pairs = lambda x: x.unflatten(0, (n, 2))
    images = in_pairs(smooth(2 * n, 3))
    saliency = in_pairs(smooth(2 * n, 1)[:, 0])
    turns = torch.linalg.qr(torch.randn(n, 3, 3, generator=g))[0]
    return TrainData(images, saliency, poses, in_pairs(view.joints_3d), in_pairs(view.joints_2d), images, turns)


def losses_and_weights(kind):
    "Losses, weights, and the weights before."
    trainer = Trainer(small_run(kind), toy_data(), "cpu")
    before = {k: v.clone() for k, v in trainer.net.state_dict().items()}
    losses = [step(trainer) for _ in range(trainer.cfg.stages.iterations)]
    return losses, trainer.net.state_dict(), before


def six_losses(kind, device, begun=lambda: None):
    "The losses of six iterations, all stages among them; `begun` is called before the first."
    trainer = Trainer(six_iterations(kind), toy_data(), device)
    begun()
    return [step(trainer) for _ in range(6)]


def whole_run(folder, device):
    "Metrics of a run that stops, goes on, validates, keeps its best weights and is measured."
    cfg = changed(small_run(), iterations=6, bootstrap=2, warmup=1, validate_every=2)
    data = toy_data()
    truth = dict(
        joints_3d=data.joints_3d[:, 0],
        joints_2d=data.joints_2d[:, 0],
        parts=torch.zeros(len(data.images), 32, 32, dtype=torch.long),
    )
    known = HeldOut(data.images[:, 0], truth)
    run_data = RunData(data, known, known)
    stop_after_four = iter([False] * 4 + [True])
    train(cfg, folder, run_data, device=device, progress=False, stop=lambda: next(stop_after_four))
    metrics = train(cfg, folder, run_data, device=device, progress=False)[1]
    metrics.pop("seconds")
    return metrics


def predicted(device):
    "What the shipped weights say of two pictures of noise, with the flip test."
    noise = torch.rand(2, 3, 90, 70, generator=torch.Generator().manual_seed(0))
    found = PGP.from_pretrained("unsup", device).predict_crops(noise, flip_test=True)
    return {k: v for k, v in found._asdict().items() if isinstance(v, torch.Tensor)}
