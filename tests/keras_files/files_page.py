"""Prints docs/files.md: what loads from which version of Keras, from the lists of the tests.

Run `python -m tests.keras_files.files_page > docs/files.md`.
"""

from itertools import groupby

from tests.keras_files.test_read import FOREIGN_NAMES, REFUSED, WRITERS
from tests.keras_files.versions import FORMS
from tests.keras_files.versions import WRITERS as VERSIONS

HEAD = """# Which files load

```sh
spkeras inspect model.h5                                             # a whole model
spkeras inspect weights.h5 --architecture net.json                   # weights, and model.to_json()
spkeras inspect model.weights.h5 --architecture NET.py:build         # weights, and code of your own
spkeras inspect model.keras --input-shape 224,224,3                  # sizes that the model leaves open
spkeras inspect model.h5 --replace lambda_1=rescaling:127.5,-1       # instead of a Lambda
```

All commands that read a CNN have these options; `spkeras.load_model` has them as `architecture=` (there also a
`keras.Model`, whose weights are then set), `input_shape=` and `replace=`. The content decides the format, not the
suffix. Code in a file is never run. `inspect` lists all problems of a file at once, and `convert` refuses it with the
same list.

Weights are matched by the names of layers, else by their order. A file that holds less or more than the architecture is
refused with the list of the differences. After loading, every weight is that of the file, and what layers derive from
weights (Normalization) is computed again.
"""

VERSION_TABLE = """
## Versions

A test writes one network as each version of Keras stored it and compares the outputs (yes). An empty cell is a form
that the version did not write.
"""

REAL_TABLE = """
## Files of others

These files were written by the named versions, one feature in each; all give the outputs of their writer.
"""

FOOT = """
Other forms: SavedModel folders of Keras 2 (`tests/keras_files/test_saved_model.py`), networks of QKeras and tfmot
([Quantised networks](quantized.md)), `.keras` files of Keras 2.10 and 2.11, which are HDF5.

## How this page is made

    python -m tests.keras_files.files_page > docs/files.md

prints it from the lists that the tests run through: `tests/keras_files/versions.py` and
`tests/keras_files/test_read.py`. A test compares the page with them.
"""

NAMES = {
    "k224": "Keras 2.2.4",
    "tf210": "TensorFlow 2.10",
    "tf215": "TensorFlow 2.15.1",
    "tfk219": "tf_keras 2.19",
}


def row(*cells):
    return f"| {' | '.join(cells)} |"


def version_rows():
    """One row for each backend and set of forms, with the versions in order."""
    yield row("Keras", "backend", *FORMS.values())
    yield row(*["---"] * (len(FORMS) + 2))
    for (backend, forms), group in groupby(VERSIONS, lambda entry: entry[1:]):
        versions = ", ".join(version for version, _, _ in group)
        marks = ["yes" if form in forms else "" for form in FORMS]
        yield row(versions, {"theano": "Theano", "tensorflow": "TensorFlow"}[backend], *marks)


def real_rows():
    yield row("written by", "files")
    yield row("---", "---")
    for writer, count in WRITERS.items():
        yield row(NAMES[writer], str(count))
    yield row("Keras 1.1 to 3.15, from public repositories", str(len(FOREIGN_NAMES)))


def page():
    refused = ", ".join(sorted(REFUSED.values()))
    note = f"\nAmong them, files with code are refused by the name of the layer: {refused}.\n"
    tables = ["\n".join(rows) + "\n" for rows in (version_rows(), real_rows())]
    return f"{HEAD}{VERSION_TABLE}\n{tables[0]}{REAL_TABLE}\n{tables[1]}{note}{FOOT}"


if __name__ == "__main__":
    print(page(), end="")
