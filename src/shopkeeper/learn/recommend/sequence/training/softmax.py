"""How wrong a network is: softmax over all products, or over the right one and a sample of the others."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_TOKENS_AT_ONCE = 512


class _FullSoftmax(torch.autograd.Function):
    """Mean cross-entropy over all products in bfloat16, a few hundred positions at a time.

    The gradient is made in the buffer of the logits, so that memory does not grow with the batch.
    """

    @staticmethod
    def forward(ctx: Any, asked: Tensor, table: Tensor, target: Tensor) -> Tensor:
        half, products = asked.bfloat16(), table.bfloat16()
        to_asked, to_table = torch.empty_like(half), torch.zeros_like(table)
        loss = torch.zeros(())
        for start in range(0, len(half), _TOKENS_AT_ONCE):
            part, right = half[start : start + _TOKENS_AT_ONCE], target[start : start + _TOKENS_AT_ONCE]
            row = torch.arange(len(part))
            logit = part @ products.T
            logit -= logit.max(dim=1, keepdim=True)[0]
            own = logit[row, right].float()
            total = logit.exp_().sum(dim=1, dtype=torch.float32)
            loss += (total.log() - own).sum()
            logit *= (1 / total).bfloat16()[:, None]
            logit[row, right] -= 1
            to_asked[start : start + _TOKENS_AT_ONCE] = logit @ products
            to_table += (logit.T @ part).float()
        ctx.save_for_backward(to_asked, to_table)
        return loss / max(len(half), 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        to_asked, to_table = ctx.saved_tensors
        scale = grads[0] / max(len(to_asked), 1)
        return to_asked.float() * scale, to_table * scale, None


def full(asked: Tensor, table: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of the right products among all."""
    loss: Tensor = _FullSoftmax.apply(asked, table, target)  # type: ignore[no-untyped-call]  # torch's own is untyped
    return loss


def sampled(asked: Tensor, table: Tensor, right: Tensor, drawn: Tensor, expected: Tensor) -> Tensor:
    """Mean cross-entropy of the right products among ``drawn`` others that all positions share.

    ``table`` (some products, dimensions) holds both; ``right`` and ``drawn`` are rows of it. ``expected`` is the
    logarithm of how often each row is drawn, by which its logit is lowered.
    Source: Bengio, Senecal (2008), Adaptive importance sampling to accelerate training of a neural language model.
    """
    own = (asked * functional.embedding(right, table)).sum(dim=1) - expected[right]
    others = asked @ functional.embedding(drawn, table).T - expected[drawn]
    others = others.masked_fill(drawn == right[:, None], -torch.inf)
    return (torch.logaddexp(own, others.logsumexp(dim=1)) - own).mean()
