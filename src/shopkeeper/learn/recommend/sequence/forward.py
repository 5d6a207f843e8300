"""What a learned network says, with numpy alone: no torch, a fraction of a millisecond for one person.

Every person goes through the same shapes alone and in a block (padded by their own length, one matrix product each),
so that scores are bit for bit the same.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit

from shopkeeper.core.histories import Float32, Int64

Weights = Mapping[str, NDArray[Any]]
_EPSILON: Final = np.float32(1e-5)


def normalised(x: Float32) -> Float32:
    """Rows of length one; a row of zeros stays one."""
    length = np.sqrt(np.sum(x * x, axis=-1, keepdims=True))
    out: Float32 = x / np.maximum(length, np.float32(1e-12))
    return out


def direction(weights: Weights, items: Int64, size: Int64, *, heads: int) -> Float32:
    """(people, dimensions) of length one: where the network looks after each person's ``size`` items."""
    table = weights["table"]
    x = table[items] * np.float32(math.sqrt(table.shape[1]))
    if "body.0.state.weight_ih_l0" in weights:
        last = _recurrent(weights, x, size)
    else:
        last = _attention(weights, x, size, heads)
    return normalised(_norm(weights, "last", last))


def _linear(weights: Weights, name: str, x: Float32) -> Float32:
    out: Float32 = np.matmul(x, weights[f"{name}.weight"].T) + weights[f"{name}.bias"]
    return out


def _norm(weights: Weights, name: str, x: Float32) -> Float32:
    centred = x - x.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + _EPSILON)
    out: Float32 = centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return out


def _attention(weights: Weights, x: Float32, size: Int64, heads: int) -> Float32:
    """Blocks one after the other; of the last one only each person's newest step is worked out."""
    blocks = sum(name.endswith(".look.weight") for name in weights)
    newest = size[:, None] - 1
    for number in range(blocks):
        step = newest if number == blocks - 1 else np.broadcast_to(np.arange(x.shape[1]), x.shape[:2])
        x = _block(weights, f"body.{number}", x, step, heads)
    return x[:, 0]


def _block(weights: Weights, name: str, x: Float32, step: Int64, heads: int) -> Float32:
    """(people, steps asked for, dimensions): a pre-norm block's answer at the given steps."""
    people, steps, width = x.shape
    parts = _linear(weights, f"{name}.look", _norm(weights, f"{name}.before", x))
    # Copies in one order of memory: numpy chooses its arithmetic by it, and it must be the same for one person.
    parts = parts.reshape(people, steps, 3, heads, width // heads).transpose(2, 0, 3, 1, 4).copy()
    query, key, value = parts
    query = np.take_along_axis(query, step[:, None, :, None], axis=2)
    gap = step[:, :, None] - np.arange(steps)
    bias = weights[f"{name}.distance"][:, np.maximum(gap, 0)].transpose(1, 0, 2, 3).copy()
    logit = np.matmul(query, key.transpose(0, 1, 3, 2)) / np.float32(math.sqrt(width // heads)) + bias
    logit = np.where(gap[:, None] < 0, -np.float32(np.inf), logit)
    share = np.exp(logit - logit.max(axis=-1, keepdims=True))
    share /= share.sum(axis=-1, keepdims=True)
    seen = np.matmul(share, value).transpose(0, 2, 1, 3).reshape(people, step.shape[1], width)
    x = np.take_along_axis(x, step[:, :, None], axis=1) + _linear(weights, f"{name}.merge", seen)
    wide = _linear(weights, f"{name}.widen", _norm(weights, f"{name}.between", x))
    wide = wide * np.float32(0.5) * (1 + erf(wide * np.float32(1 / math.sqrt(2))))
    return x + _linear(weights, f"{name}.narrow", wide)


def _recurrent(weights: Weights, x: Float32, size: Int64) -> Float32:
    """The state after each person's last item, as a direction."""
    name = "body.0.state"
    into = (np.matmul(x, weights[f"{name}.weight_ih_l0"].T) + weights[f"{name}.bias_ih_l0"]).astype(np.float32)
    width = weights[f"{name}.weight_hh_l0"].shape[1]
    state = np.zeros((len(x), 1, width), np.float32)
    cell, gated = state, into.shape[2] == 3 * width
    for step in range(x.shape[1]):
        again = np.matmul(state, weights[f"{name}.weight_hh_l0"].T) + weights[f"{name}.bias_hh_l0"]
        fresh, cell_now = _gru(into[:, step, None], again, state) if gated else _lstm(into[:, step, None] + again, cell)
        alive = (step < size)[:, None, None]
        state, cell = np.where(alive, fresh, state), np.where(alive, cell_now, cell)
    return _linear(weights, "body.0.out", state)[:, 0]


def _gru(into: Float32, again: Float32, state: Float32) -> tuple[Float32, Float32]:
    """Source: Cho and others (2014), Learning phrase representations using RNN encoder-decoder."""
    reset, update = (
        expit(into + again)[..., : 2 * state.shape[2]].reshape(*state.shape[:2], 2, -1).transpose(2, 0, 1, 3)
    )
    fresh = np.tanh(into[..., 2 * state.shape[2] :] + reset * again[..., 2 * state.shape[2] :])
    out = (1 - update) * fresh + update * state
    return out, out


def _lstm(gates: Float32, cell: Float32) -> tuple[Float32, Float32]:
    """Source: Hochreiter, Schmidhuber (1997), Long short-term memory; with forget gates."""
    width = cell.shape[2]
    enter, forget, fresh, leave = (gates[..., at * width : (at + 1) * width] for at in range(4))
    cell = expit(forget) * cell + expit(enter) * np.tanh(fresh)
    return expit(leave) * np.tanh(cell), cell
