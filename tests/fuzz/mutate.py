"""Mutations of files: bytes, JSON trees, HDF5 objects and arrays, each chosen by a `Random`."""

import io
import json
import zipfile
from copy import deepcopy

import h5py
import numpy as np

# Values where something else should be.
ODD = (
    *(None, True, False, 0, -1, 1, 2, 0.5, -1e308, 1e308, 10**9, 10**30, -(10**30)),
    *(float("nan"), float("inf"), "", "x", "relu", "\x1b[31mred\x1b[0m", "a\nb", "\ud800"),
    *("x" * 5000, "1" * 4300, "../../etc/passwd", "$x_{1$", [], {}, [[]], [None], [-1], [1, 2, 3]),
    *({"a": 1}, {"class_name": "x"}, {"class_name": None, "config": None}, [0] * 2000),
    {"class_name": "Lambda", "config": {"function": ["4wEA", None, None]}},
    {"module": "keras.saving", "class_name": "KerasFileEditor", "config": {"filepath": "secret"}},
    {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "f"},
    {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"},
    {"class_name": "__lambda__", "config": {"value": "lambda x: open('ran', 'w')"}},
    {"class_name": "TFSMLayer", "config": {"filepath": "secret"}},
    {"class_name": "__numpy__", "config": {"value": [1e308], "dtype": "object"}},
    {"class_name": "__tensor__", "config": {"value": [[1]], "dtype": "x"}},
)
TYPES = ("f2", "f4", "f8", "i1", "i8", "u1", "?", "c8", ">f4", "S3", "U2")


def in_bytes(random, content):
    """Changes, cuts, doubles or moves a few bytes."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        if not data:
            break
        place, kind = random.randrange(len(data)), random.randrange(7)
        if kind == 0:
            data[place] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[place : place + random.choice((1, 2, 4, 8))] = random.randbytes(
                random.choice((1, 2, 4, 8))
            )
        elif kind == 2:
            del data[place : place + random.choice((1, 8, 100, 5000))]
        elif kind == 3:
            data[place:place] = random.choice((b"\0", b"\xff" * 8, random.randbytes(16)))
        elif kind == 4:
            del data[place:]
        elif kind == 5:
            start = random.randrange(len(data))
            data[place : place + 64] = data[start : start + 64]
        else:
            data[place : place + 8] = random.choice((b"\xff" * 8, b"\0" * 8, b"\x7f" + b"\xff" * 7))
    return bytes(data)


def _paths(tree, path=()):
    yield path
    if isinstance(tree, dict | list):
        parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, part in parts:
            yield from _paths(part, (*path, key))


def _at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def in_tree(random, tree):
    """Replaces, removes, repeats, exchanges or renames parts of a JSON value."""
    tree = json.loads(json.dumps(tree))
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        paths = list(_paths(tree))[1:]
        if not paths:
            return deepcopy(random.choice(ODD))
        random.choice(TREE_CHANGES)(random, tree, paths)
    return tree


def _replace(random, tree, paths):
    path = random.choice(paths)
    # Copied: a later change would change the value of all cases after it.
    _at(tree, path[:-1])[path[-1]] = deepcopy(random.choice(ODD))


def _remove(random, tree, paths):
    path = random.choice(paths)
    del _at(tree, path[:-1])[path[-1]]


def _repeat(random, tree, paths):
    path = random.choice(paths)
    holder, key = _at(tree, path[:-1]), path[-1]
    if isinstance(holder, list):
        holder.insert(random.randrange(len(holder) + 1), deepcopy(holder[key]))
    else:
        holder[random.choice(("units", "name", "layers", "vocabulary", "x"))] = holder.pop(key)


def _copy(random, tree, paths):
    path, other = random.choice(paths), random.choice(paths)
    if other[: len(path)] != path:  # otherwise the tree would contain itself
        _at(tree, path[:-1])[path[-1]] = json.loads(json.dumps(_at(tree, other)))


def _rename(random, tree, paths):
    words = [p for p in paths if isinstance(_at(tree, p), str)]
    if len(words) > 1:
        one, two = random.sample(words, 2)
        _at(tree, one[:-1])[one[-1]] = _at(tree, two)


TREE_CHANGES = (_replace, _replace, _replace, _replace, _remove, _repeat, _copy, _rename)


def text_of(random, tree):
    """JSON text; now and then nested beyond any limit."""
    if random.random() < 0.01:
        return "[" * 100_000
    return json.dumps(tree)


def odd_array(random, array):
    """An array of another shape, type or value."""
    array, kind = np.asarray(array), random.randrange(9)
    if kind == 0:
        return array.astype(random.choice(TYPES))
    if kind == 1:
        return array.reshape(-1)
    if kind == 2:
        return array[..., None]
    if kind == 3:
        return np.zeros(random.choice(((), (0,), (0, 3), (1,), (7, 7))), array.dtype)
    if kind == 4:
        return array.T
    if kind == 5:
        return np.concatenate([array.reshape(-1)] * 2)
    changed = np.array(array, order="C")
    if not changed.size or changed.dtype.kind not in "biuf":
        return changed
    top = np.inf if changed.dtype.kind == "f" else True
    if changed.dtype.kind in "iu":
        top = np.iinfo(changed.dtype).max
    spot = random.randrange(changed.size)
    low = -1 if changed.dtype.kind in "if" else 0
    value = random.choice((top, low, 0, 1, np.nan if changed.dtype.kind == "f" else 0))
    if kind == 8:
        changed[...] = value
    else:
        changed.reshape(-1)[spot] = value
    return changed


def in_hdf5(random, content, secret):
    """Changes objects and attributes of an HDF5 file; JSON attributes as trees."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        for _ in range(random.choice((1, 1, 2))):
            names: list = []
            file.visit(names.append)
            name = random.choice([*names, ""])
            item = file[name] if name else file
            if item.attrs and random.random() < 0.5:
                _in_attribute(random, item)
            elif name:
                _in_object(random, file, name, secret)
    return buffer.getvalue()


def _in_attribute(random, item):
    name = random.choice(list(item.attrs))
    value = item.attrs[name]
    if isinstance(value, str | bytes) and value[:1] in ("{", b"{") and random.random() < 0.8:
        item.attrs[name] = text_of(random, in_tree(random, json.loads(value))).encode()
        return
    kind = random.randrange(8)
    del item.attrs[name]
    if kind == 1:
        item.attrs[name] = random.choice((0, -1, 2.5, 10**9))
    elif kind == 2:
        item.attrs[name] = h5py.Empty("f4")
    elif kind == 3:
        item.attrs[name] = random.choice((b"", b"\xff\xfe", b"1" * 4300, b"{}", b"[1]", b"null"))
    elif kind == 4:
        item.attrs[name] = np.array([[b"a", b"b"]])
    elif kind == 5:
        item.attrs.create(name, item.file.ref, dtype=h5py.ref_dtype)
    elif kind == 6:
        item.attrs[name] = [b"x"] * random.choice((1, 3, 200))
    elif kind == 7:
        item.attrs[name] = np.zeros(2, [("a", "f4"), ("b", "i4")])


def _in_object(random, file, name, secret):
    item, (parent, _, last) = file[name], name.rpartition("/")
    group = file[parent] if parent else file
    array = np.asarray(item) if isinstance(item, h5py.Dataset) else np.zeros((2, 2), "f4")
    attributes = dict(item.attrs)
    del group[last]
    random.choice(OBJECT_CHANGES)(random, group, last, array=array, secret=secret)
    if random.random() < 0.3 and isinstance(group.get(last, getlink=True), h5py.HardLink):
        group[last].attrs.update(attributes)


def _external(random, group, last, array, secret):
    group.create_dataset(
        last, array.shape or (1,), "f4", external=[(secret, 0, 4 * max(array.size, 1))]
    )


def _virtual(random, group, last, array, secret):
    layout = h5py.VirtualLayout(array.shape or (1,), "f4")
    layout[...] = h5py.VirtualSource(secret, "data", array.shape or (1,), "f4")
    group.create_virtual_dataset(last, layout)


def _link(random, group, last, array, secret):
    targets = (h5py.ExternalLink(secret, "/data"), h5py.SoftLink("/"), h5py.SoftLink("/none"))
    group[last] = random.choice((*targets, group.file["/"]))


def _huge(random, group, last, array, secret):
    group.create_dataset(last, (1 << 40, 4), "f4", chunks=(64, 4))


def _other_type(random, group, last, array, secret):
    types = (h5py.vlen_dtype("f4"), h5py.string_dtype(), h5py.ref_dtype, "c8")
    group.create_dataset(last, array.shape or (1,), random.choice(types))


def _no_data(random, group, last, array, secret):
    if random.random() < 0.5:
        group.create_group(last)
    else:
        group[last] = random.choice((np.dtype("f4"), h5py.Empty("f4")))


def _other_array(random, group, last, array, secret):
    group.create_dataset(last, data=_storable(odd_array(random, array)))


def _nothing(random, group, last, array, secret):
    """The object stays removed."""


OBJECT_CHANGES = (
    *(_external, _virtual, _link, _huge, _other_type, _no_data, _nothing),
    *(_other_array, _other_array, _other_array),
)


def _storable(array):
    return array.astype("S") if array.dtype.kind == "U" else array


def in_zip(random, content, change):
    """Changes a member by `change(name, content)`, or the members themselves."""
    source, into = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    members = {name: source.read(name) for name in source.namelist()}
    name, kind = random.choice(list(members)), random.randrange(12)
    if kind == 0:
        del members[name]
    elif kind == 1:
        odd = ("../x.txt", "/etc/x", "assets/../../x", "C:\\x", "config.json/x", "x" * 300)
        members[random.choice(odd)] = members[name]
    elif kind == 2:
        members[name] = random.choice((b"", b"{}", b"[]", b"null", b"\x89HDF\r\n\x1a\n", b"0" * 99))
    else:
        members[name] = change(name, members[name])
    with zipfile.ZipFile(into, "w", random.choice((0, 8))) as archive:
        for member, part in members.items():
            archive.writestr(member, part)
    return into.getvalue()
