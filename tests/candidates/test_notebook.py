"""Notebooks as they come: magics, plots, training, broken cells, missing modules."""

import json
import pickle

import numpy as np
import pytest

import conformance
from conformance.candidates.loading.notebook import read_cells, without_magics
from conformance.candidates.loading.paths import ImplementationError, load

RELU = """\
class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, 0)
    def backward(self, grad_output):
        return grad_output * self.mask
"""


@pytest.fixture
def notebook(tmp_path):
    def write(*cells, name="lab.ipynb", **more):
        data = {
            "cells": [
                {"cell_type": "code", "source": cell.splitlines(keepends=True)}
                if isinstance(cell, str)
                else cell
                for cell in cells
            ],
            "nbformat": 4,
            **more,
        }
        path = tmp_path / name
        path.write_text(json.dumps(data), encoding="utf-8")
        return str(path)

    return write


def markdown(text):
    return {"cell_type": "markdown", "source": text}


def graded(path, layer="ReLU"):
    return conformance.grade(path, layers=[layer], oracle="recorded", profile="quick", tier="core")


def test_definitions_are_read_and_nothing_else_is_run(notebook):
    path = notebook(
        markdown("# Лабораторная 2: слои"),
        "import numpy as np\n%matplotlib inline\n!pip install numpy",
        RELU,
        "while True:\n    pass",
        "plt.plot([1, 2]); raise SystemExit",
        "open('/nowhere/at/all')",
    )
    implementation = load(path)
    assert implementation.notes == ()
    assert graded(path).ok


def test_assignments_that_a_layer_needs_are_kept_and_those_alone(notebook):
    path = notebook(
        "import numpy as np\nscale = base * 2\nbase = 0.5\nlosses = undefined_name",
        "base = 0.5\nscale = base * 2",
        "class ReLU:\n"
        "    def forward(self, x):\n"
        "        self.mask = x > 0\n"
        "        return np.where(self.mask, x, 0) * scale\n",
        "def relu_backward(self, g):\n    return g * self.mask\nReLU.backward = relu_backward",
    )
    implementation = load(path)
    assert not hasattr(implementation.namespace, "losses")
    assert implementation.notes == (
        "cell 1 failed: NameError: name 'base' is not defined (lab.ipynb[cell 1]:2 in <module>)",
    )
    assert graded(path).ok


def test_all_cells_are_run_where_that_is_asked_for(notebook):
    path = notebook("made = []", "made.append(3)")
    assert not hasattr(load(path).namespace, "made")
    assert load(path, run_all_cells=True).namespace.made == [3]


def test_the_last_of_two_definitions_counts_and_the_report_says_so(notebook):
    path = notebook("import numpy as np", RELU.replace("x > 0", "x < 0"), "1 / 0", RELU)
    report = graded(path)
    assert report.ok
    assert report.notes == ("ReLU is defined in cells 2 and 4: the last one counts",)


def test_a_cell_that_is_no_python_is_left_out(notebook):
    path = notebook("import numpy as np", "def broken(:\n    pass", RELU)
    report = graded(path)
    assert report.ok
    assert report.notes == ("cell 2, line 1 was left out: it is not Python: invalid syntax",)


def test_an_exception_names_the_cell_and_its_line(notebook):
    path = notebook(
        "import numpy as np",
        "class ReLU:\n    def forward(self, x):\n        return x + unknown\n",
    )
    [verdict] = [v for v in graded(path).verdicts if v.id.endswith("::shape[default]")]
    assert verdict.status == "errored"
    assert verdict.reason == (
        "forward raised NameError: name 'unknown' is not defined (lab.ipynb[cell 2]:3 in forward)"
    )


def test_missing_modules_are_placeholders_until_a_layer_uses_them(notebook):
    path = notebook(
        "import numpy as np\n"
        "import matplotlib_missing.pyplot as plt\n"
        "from sklearn_missing import datasets\n"
        "from tqdm_missing.auto import tqdm\n"
        "import torch_missing as torch\n",
        "plt.rcParams['figure.figsize'] = (3, 3)\n@torch.no_grad()\ndef helper():\n    pass",
        "class Net(torch.nn.Module):\n    pass",
        RELU,
        "class Sigmoid:\n"
        "    def forward(self, x):\n"
        "        for _ in tqdm(range(3)):\n"
        "            pass\n",
    )
    assert graded(path).ok
    assert load(path).notes[0] == (
        "matplotlib_missing is not installed here: a placeholder stands for it"
    )
    verdicts = [v for v in graded(path, "Sigmoid").verdicts if v.status == "errored"]
    assert verdicts[0].reason.startswith(
        "forward raised ImportError: lab.ipynb uses tqdm_missing.auto.tqdm here, and tqdm_missing "
        "is not installed (lab.ipynb[cell 5]:3 in forward)"
    )
    with pytest.raises(ImportError, match=r"uses torch_missing\.nn\.Module here"):
        load(path).namespace.Net()


def test_placeholders_are_not_left_behind(notebook):
    load(notebook("import tqdm_missing"))
    with pytest.raises(ModuleNotFoundError):
        import tqdm_missing  # noqa: F401


def test_what_lies_beside_the_notebook_can_be_imported(notebook, tmp_path):
    (tmp_path / "beside_it.py").write_text("import numpy as np\n" + RELU)
    assert graded(notebook("from beside_it import ReLU")).ok


def test_instances_can_be_pickled(notebook):
    layer = load(notebook("import numpy as np", RELU)).namespace.ReLU()
    assert isinstance(pickle.loads(pickle.dumps(layer)), type(layer))


@pytest.mark.parametrize(
    ("line", "python"),
    [
        ("%matplotlib inline", "pass"),
        ("  !ls -l", "  pass"),
        ("files = !ls", "pass"),
        ("t = %timeit -o f()", "pass"),
        ("np.sum?", "pass"),
        ("x = 5 % 3", "x = 5 % 3"),
        ("y = a != b", "y = a != b"),
        ("s = '%d' % 3", "s = '%d' % 3"),
        ("%%bash\nrm -r build", ""),
        ("%%time\nx = 1", "pass\nx = 1"),
    ],
)
def test_magics_are_dropped_and_lines_keep_their_place(line, python):
    assert without_magics(line) == python


def test_old_formats_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "old.ipynb"
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1"]}]}], "nbformat": 3}
    path.write_text(json.dumps(old), encoding="utf-8-sig")
    assert [cell.source for cell in read_cells(path)] == ["x = 1"]


def test_names_in_any_language(notebook):
    path = notebook(
        "import numpy as np\nпорог = 0",
        "class ReLU:\n"
        "    def forward(self, вход):\n"
        "        self.маска = вход > порог\n"
        "        return np.where(self.маска, вход, порог)\n"
        "    def backward(self, градиент):\n"
        "        return градиент * self.маска\n",
    )
    assert graded(path).ok


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lab.ipynb is empty"),
        (b'{"cells": [', "not a notebook, or is cut off: it is not valid JSON (line 1)"),
        (b"\xff\xfe\x00", "not a notebook: it is not UTF-8 text"),
        (b"[1, 2]", "not a notebook: it has no cells"),
        (b'{"cells": 3}', "not a notebook: it has no cells"),
        (b'{"cells": [{"cell_type": "markdown", "source": "x"}]}', "has no code cells"),
    ],
)
def test_other_files_are_one_message(tmp_path, content, message):
    path = tmp_path / "lab.ipynb"
    path.write_bytes(content)
    with pytest.raises(ImplementationError, match=r"--impl=.*lab\.ipynb: lab\.ipynb ") as caught:
        load(str(path))
    assert message in str(caught.value)


def test_a_misspelt_notebook_is_one_message(notebook):
    path = notebook("x = 1")
    with pytest.raises(ImplementationError, match=r"there is no such file \(did you mean .*lab"):
        load(path.replace("lab", "lap"))


def test_values_are_what_the_cells_compute(notebook):
    path = notebook("import numpy as np", RELU)
    relu = load(path).namespace.ReLU()
    assert relu.forward(np.array([-1.0, 2.0])).tolist() == [0, 2]


def test_libraries_and_files_elsewhere_get_no_placeholders(notebook, tmp_path, monkeypatch):
    library = tmp_path / "elsewhere"
    library.mkdir()
    optional = (
        "try:\n    import no_such_accelerator as found\nexcept ImportError:\n    found = None\n"
    )
    (library / "a_library.py").write_text(optional)
    monkeypatch.syspath_prepend(str(library))
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "helpers.py").write_text("import no_such_plots\n")
    path = notebook("import a_library, helpers\nimport no_such_bar", RELU, name="lab/lab.ipynb")
    implementation = load(path)
    assert implementation.namespace.a_library.found is None
    assert implementation.notes == (
        "no_such_plots is not installed here: a placeholder stands for it",
        "no_such_bar is not installed here: a placeholder stands for it",
    )
