"""HDF5 composed in memory around large arrays, which are written from where they are."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from spkeras.files.parts import Placed

_PAGE = 1 << 12


class Pages(Placed):
    """A file in memory that holds the pages that were written; all others are zeros.

    Args:
        content: Its first bytes.
    """

    def __init__(self, content: bytes) -> None:
        self._pages: dict[int, bytearray] = {}
        self.write(memoryview(content))

    def writable(self) -> bool:
        return True

    def truncate(self, size: int | None = None) -> int:
        self.size = self.place if size is None else size
        return self.size

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        target = memoryview(buffer).cast("B")
        found = self.part(self.place, min(self.place + len(target), self.size))
        target[: len(found)] = found
        self.place += len(found)
        return len(found)

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        given, done = memoryview(data).cast("B"), 0
        while done < len(given):
            number, begin = divmod(self.place + done, _PAGE)
            part = given[done : done + _PAGE - begin]
            page = self._pages.setdefault(number, bytearray(_PAGE))
            page[begin : begin + len(part)] = part
            done += len(part)
        self.place += done
        self.size = max(self.size, self.place)
        return done

    def part(self, begin: int, end: int) -> bytes:
        """Return the bytes from one place to another."""
        numbers = range(begin // _PAGE, -(-max(end, begin) // _PAGE))
        empty = bytes(_PAGE)
        pages = b"".join(self._pages.get(number, empty) for number in numbers)
        first = numbers.start * _PAGE
        return pages[begin - first : max(end, begin) - first]

    def pieces(self, others: Mapping[int, Callable[[], memoryview]]) -> Iterator[memoryview]:
        """Yield all bytes in order, with others at some places.

        Args:
            others: Functions that return bytes, by the place of the first one.
        """
        at = 0
        for place, bytes_of in sorted(others.items()):
            yield memoryview(self.part(at, place))
            found = bytes_of()
            yield found
            at = place + found.nbytes
        yield memoryview(self.part(at, self.size))


def allocate(pages: Pages, shapes: Mapping[str, tuple[Sequence[int], str]]) -> list[int]:
    """Replace datasets of an HDF5 file by larger ones, whose numbers are left out.

    Args:
        pages: The file.
        shapes: Shape and type of each, by the path of the dataset.

    Returns:
        The places of the numbers in the file, in the same order.
    """
    import h5py  # commands that only show their help load nothing heavy
    import numpy as np
    from h5py import h5d, h5p, h5s, h5t

    kind = h5p.create(h5p.DATASET_CREATE)
    kind.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    kind.set_fill_time(h5d.FILL_TIME_NEVER)
    kind.set_obj_track_times(False)
    places = []
    with h5py.File(pages, "r+") as file:
        for path, (shape, dtype) in shapes.items():
            del file[path]
            numbers = h5t.py_create(np.dtype(dtype), logical=True)
            space = h5s.create_simple(tuple(shape))
            dataset = h5d.create(file.id, path.encode(), numbers, space, kind)
            places.append(dataset.get_offset())
    return places
