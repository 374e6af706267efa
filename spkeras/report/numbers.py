"""Numbers as text: shares, counts and small differences."""

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def percent(share: float | None) -> str:
    """Return a share in %, with two decimal places; "" for None."""
    return "" if share is None else f"{100 * share:.2f} %"


def count(number: float | None) -> str:
    """Return a count with three digits and k, M or G; whole numbers below 1000 in full."""
    if number is None:
        return ""
    for factor, prefix in _PREFIXES:
        # The limit is the rounded one: 999.9996 k reads 1.00 M.
        if abs(number) >= factor * 0.9995:
            return f"{_three(number / factor)} {prefix}"
    return str(int(number)) if number == int(number) else _three(number)


def _three(number: float) -> str:
    """Return three significant digits, without an exponent."""
    places = 2 if abs(number) < 9.995 else 1 if abs(number) < 99.95 else 0
    return f"{number:.{places}f}"


def small(number: float | None) -> str:
    """Return a number that may be tiny, with three significant digits."""
    return "" if number is None else f"{number:.3g}"


def microjoules(number: float | None) -> str:
    """Return an energy in uJ with three significant digits."""
    return small(number) if number is not None and abs(number) < 1 else ratio(number)


def ratio(number: float | None) -> str:
    """Return a ratio of counts, with three significant digits and no exponent."""
    if number is None:
        return ""
    return f"{number:.2g}" if 0 < number < 0.005 else _three(number)
