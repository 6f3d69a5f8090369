"""ONNX graphs of transformers in the making, their matrices stored with 8 or 16 bits.

Either only storage is of so few bits and ONNX Runtime makes floats of the weights once,
when it loads them; or layers are products of 8-bit numbers, twice as fast. Such sums are
whole numbers, the same on every processor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

_OPSET = 20
_IR_VERSION = 9
_FLOAT, _BYTE = 1, 2
# Two products of a byte and a number up to 63 are added in 16 bits by some processors.
_LARGEST_INPUT, _LARGEST_WEIGHT, _LARGEST_OF_7_BITS = 127, 127, 63


class OnnxGraph:
    """Nodes and arrays of a graph.

    Parameters
    ----------
    stored_bits : {8, 16}
        Of each value of a stored matrix: 8-bit numbers with a scale for each column, or
        half-precision floats.
    products_of_8_bits : {None, "run", "row"}
        Whether layers round their inputs to 8 bits as well, and multiply whole numbers: with
        one scale for all rows of a run; or with one for each row, and matrices of 7 bits.
        Then no row depends on others, and sums are exact in 16 bits.
    """

    def __init__(
        self,
        *,
        stored_bits: Literal[8, 16],
        products_of_8_bits: Literal["run", "row"] | None = None,
    ) -> None:
        self._stored_bits = stored_bits
        self._products_of_8_bits = products_of_8_bits
        self._rounded: dict[str, tuple[str, str, str]] = {}
        self._nodes: list[Any] = []
        self._arrays: list[Any] = []

    def add(self, operation: str, *inputs: str, output: str | None = None, **options: Any) -> str:
        """Add a node; return the name of its output."""
        from onnx import helper

        name = output or f"{operation}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, list(inputs), [name], **options))
        return name

    def array(self, value: Any, dtype: type = np.float32) -> str:
        """Add a constant; return its name."""
        from onnx import numpy_helper

        name = f"array_{len(self._arrays)}"
        self._arrays.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def axes(self, *numbers: int) -> str:
        """Add whole numbers, such as axes or a shape; return their name."""
        return self.array(numbers, np.int64)

    def floats(self, name: str) -> str:
        """Make 32-bit floats of what is something else."""
        return self.add("Cast", name, to=_FLOAT)

    def stored(self, matrix: npt.NDArray[np.floating[Any]]) -> str:
        """Add a matrix that is stored with few bits and a float once the model is loaded."""
        if self._stored_bits == 16:
            return self.floats(self.array(matrix, np.float16))
        numbers, scale = eight_bits(matrix, axis=0)
        return self.add("Mul", self.floats(self.array(numbers, np.int8)), self.array(scale))

    def dense(self, inputs: str, weights: Sequence[Any]) -> str:
        """Add a layer of a kernel and a bias."""
        kernel, bias = weights
        multiply = self._whole_product if self._products_of_8_bits else self._product
        return self.add("Add", multiply(inputs, kernel), self.array(bias))

    def _product(self, inputs: str, kernel: npt.NDArray[np.floating[Any]]) -> str:
        return self.add("MatMul", inputs, self.stored(kernel))

    def _whole_product(self, inputs: str, kernel: npt.NDArray[np.floating[Any]]) -> str:
        by_row = self._products_of_8_bits == "row"
        if inputs not in self._rounded:
            self._rounded[inputs] = self._round_rows(inputs) if by_row else self._round(inputs)
        rounded, scale, zero = self._rounded[inputs]
        largest = _LARGEST_OF_7_BITS if by_row else _LARGEST_WEIGHT
        numbers, column_scale = eight_bits(kernel, axis=0, largest=largest)
        sums = self.add("MatMulInteger", rounded, self.array(numbers, np.int8), zero)
        if by_row:
            product = self.add("Mul", self.floats(sums), scale)
            return self.add("Mul", product, self.array(column_scale.reshape(-1)))
        scales = self.add("Mul", scale, self.array(column_scale.reshape(-1)))
        return self.add("Mul", self.floats(sums), scales)

    def _round(self, inputs: str) -> tuple[str, str, str]:
        from onnx import helper

        numbers, scale, zero = (f"{part}_of_{inputs}" for part in ("numbers", "scale", "zero"))
        rounding = helper.make_node("DynamicQuantizeLinear", [inputs], [numbers, scale, zero])
        self._nodes.append(rounding)
        return numbers, scale, zero

    def _round_rows(self, inputs: str) -> tuple[str, str, str]:
        """Round to bytes around the middle one."""
        largest = self.add("ReduceMax", self.add("Abs", inputs), self.axes(-1), keepdims=1)
        scale = self.add("Mul", largest, self.array(1.0 / _LARGEST_INPUT))
        scale = self.add("Max", scale, self.array(1e-9))
        numbers = self.add("Round", self.add("Div", inputs, scale))
        numbers = self.add("Add", numbers, self.array(_LARGEST_INPUT + 1))
        zero = self.array(_LARGEST_INPUT + 1, np.uint8)
        return self.add("Cast", numbers, to=_BYTE), scale, zero

    def norm(self, inputs: str, weights: Sequence[Any], *, epsilon: float) -> str:
        """Normalise the last axis; the weights are factors and offsets."""
        gamma, beta = map(self.array, weights)
        return self.add("LayerNormalization", inputs, gamma, beta, axis=-1, epsilon=epsilon)

    def attention(
        self, inputs: str, weights: Sequence[Any], *, heads: int, away: str | None = None
    ) -> str:
        """Add self-attention, less the layer that follows it.

        Parameters
        ----------
        inputs : str
            Of shape (batch, steps, width).
        weights : sequence of array
            Kernel and bias of the fused layer of queries, keys and values.
        heads : int
            Number of heads.
        away : str, optional
            Added to the logits, of a shape that broadcasts over (batch, heads, steps, steps).

        Returns
        -------
        str
            Of the inputs' shape.
        """
        kernel, bias = weights
        width = len(kernel)
        size = width // heads
        split = self.axes(0, 0, heads, size)
        parts = []
        for index in range(3):
            columns = slice(index * width, (index + 1) * width)
            # The logits' scale goes into the queries.
            factor = size**-0.5 if index == 0 else 1.0
            flat = self.dense(inputs, [kernel[:, columns] * factor, bias[columns] * factor])
            order = [0, 2, 3, 1] if index == 1 else [0, 2, 1, 3]
            parts.append(self.add("Transpose", self.add("Reshape", flat, split), perm=order))
        query, key, value = parts
        logits = self.add("MatMul", query, key)
        if away is not None:
            logits = self.add("Add", logits, away)
        mixed = self.add("MatMul", self.add("Softmax", logits, axis=-1), value)
        mixed = self.add("Transpose", mixed, perm=[0, 2, 1, 3])
        return self.add("Reshape", mixed, self.axes(0, 0, width))

    def model(
        self,
        name: str,
        *,
        inputs: Mapping[str, tuple[type, Sequence[int | str]]],
        outputs: Mapping[str, Sequence[int | str]],
        metadata: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the whole as an ``onnx.ModelProto``, checked.

        Parameters
        ----------
        name : str
            Of the graph.
        inputs : mapping
            Type and shape of each.
        outputs : mapping
            Shape of each, 32-bit floats.
        metadata : mapping of str to str, optional
            Travels in the file.
        """
        import onnx
        from onnx import helper

        whole = helper.make_graph(
            self._nodes,
            name,
            [
                helper.make_tensor_value_info(
                    key, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape)
                )
                for key, (dtype, shape) in inputs.items()
            ],
            [
                helper.make_tensor_value_info(key, _FLOAT, list(shape))
                for key, shape in outputs.items()
            ],
            self._arrays,
        )
        proto = helper.make_model(
            whole, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )
        helper.set_model_props(proto, dict(metadata or {}))
        onnx.checker.check_model(proto)
        return proto


def eight_bits(
    matrix: npt.NDArray[np.floating[Any]], *, axis: int, largest: int = _LARGEST_WEIGHT
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Round a matrix to 8 bits.

    Parameters
    ----------
    matrix : array of float, shape (rows, columns)
        Weights.
    axis : int
        Along which all share a scale: 0 for a scale a column, 1 for a scale a row.
    largest : int
        Size of the largest number; 63 leaves one of the bits unused.

    Returns
    -------
    numbers : array of int8
        Of the matrix' shape.
    scale : array of float32
        What a number is multiplied by; broadcasts over the matrix.
    """
    scale = np.maximum(np.abs(matrix).max(axis=axis, keepdims=True) / largest, 1e-12)
    numbers = np.clip(np.round(matrix / scale), -largest, largest).astype(np.int8)
    return numbers, scale.astype(np.float32)


def write_model(model: Any, path: Path) -> None:
    """Write a model in one step: nobody finds half of a file."""
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(model.SerializeToString())
    unfinished.replace(path)
