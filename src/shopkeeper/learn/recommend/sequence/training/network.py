"""The networks: a table of products, and a body that reads a sequence of them. Read from top to bottom."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from shopkeeper.core.histories import Float32
from shopkeeper.learn.recommend.sequence.attributes import Attributes

Body = Literal["attention", "gru", "lstm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a network is made of."""

    body: Body
    dimensions: int
    blocks: int
    heads: int
    length: int
    dropout: float
    temperature: float


class Products(nn.Module):
    """A product's vector: its own plus those of its attributes, of length one. Input and output share it."""

    def __init__(self, start: Float32, attributes: Attributes) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.from_numpy(start.copy()))
        width = start.shape[1]
        self.of_attribute = nn.Parameter(torch.randn(attributes.count, width) / math.sqrt(width))
        self.register_buffer("code", torch.from_numpy(attributes.code))
        self.register_buffer("begin", torch.from_numpy(attributes.offsets[:-1].copy()))
        self.register_buffer("size", torch.from_numpy(attributes.sizes))
        self.register_buffer("weight", torch.from_numpy(attributes.weight()))

    def forward(self, which: Tensor | None = None) -> Tensor:
        """(products, dimensions) of all products, or of ``which``: a step needs only those that it touches."""
        vector = self.own if which is None else functional.embedding(which, self.own)
        if len(self.of_attribute):
            vector = vector + self._attributes(which)
        return functional.normalize(vector, dim=1)

    def _attributes(self, which: Tensor | None) -> Tensor:
        code, begin, weight = self.get_buffer("code"), self.get_buffer("begin"), self.get_buffer("weight")
        if which is not None:
            size = self.get_buffer("size")[which]
            start = size.cumsum(0) - size
            place = torch.repeat_interleave(begin[which] - start, size) + torch.arange(int(size.sum()))
            code, begin, weight = code[place], start, weight[place]
        return functional.embedding_bag(code, self.of_attribute, begin, mode="sum", per_sample_weights=weight)


class Attention(nn.Module):
    """A pre-norm block: each item looks at those before it, nearer ones more at first; then a feed-forward layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.dimensions
        self.heads = shape.heads
        self.before = nn.LayerNorm(width)
        self.between = nn.LayerNorm(width)
        self.look = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        slope = 0.5 ** (1 + torch.arange(shape.heads, dtype=torch.float32))
        self.distance = nn.Parameter(-slope[:, None] * torch.arange(shape.length, dtype=torch.float32))
        self.drop = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor) -> Tensor:
        people, steps, width = x.shape
        parts = self.look(self.before(x)).view(people, steps, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        step = torch.arange(steps)
        gap = step[:, None] - step
        bias = self.distance[:, gap.clamp(min=0)].masked_fill(gap < 0, -torch.inf)
        share = (query @ key.transpose(-1, -2) / math.sqrt(width // self.heads) + bias).softmax(-1)
        seen = (self.drop(share) @ value).transpose(1, 2).reshape(people, steps, width)
        x = x + self.drop(self.merge(seen))
        wide = functional.gelu(self.widen(self.between(x)))
        out: Tensor = x + self.drop(self.narrow(self.drop(wide)))
        return out


class Recurrent(nn.Module):
    """A GRU or an LSTM: a state that is carried from item to item."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, kind = shape.dimensions, nn.GRU if shape.body == "gru" else nn.LSTM
        self.state = kind(width, 2 * width, batch_first=True)
        self.out = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.drop(self.state(x)[0]))
        return out


class Network(nn.Module):
    """From sequences of products to what is looked for next: a direction in the space of the products' vectors."""

    def __init__(self, shape: Shape, start: Float32, attributes: Attributes) -> None:
        super().__init__()
        self.shape = shape
        self.products = Products(start, attributes)
        bodies = [Attention(shape) for _ in range(shape.blocks)] if shape.body == "attention" else [Recurrent(shape)]
        self.body = nn.Sequential(*bodies)
        self.last = nn.LayerNorm(shape.dimensions)
        self.drop = nn.Dropout(shape.dropout)

    def forward(self, items: Tensor, table: Tensor) -> Tensor:
        """(people, steps) items and the table of products -> (people, steps, dimensions), of length one."""
        x = self.drop(functional.embedding(items, table) * math.sqrt(table.shape[1]))
        return functional.normalize(self.last(self.body(x)), dim=-1)
