"""Types that annotations share; this module imports nothing heavy."""

from typing import Any, TypeAlias

# A tensor of Keras's backend: computed, traced or symbolic; or an array that Keras takes for one.
# The backends have no common base class.
Tensor: TypeAlias = Any
# A shape with the batch first, None for any size; or a list of shapes, for several tensors.
ShapeLike: TypeAlias = Any
# A value of a JSON file, or one that may be written to it.
Json: TypeAlias = dict[str, Any] | list[Any] | tuple[Any, ...] | str | int | float | bool | None
