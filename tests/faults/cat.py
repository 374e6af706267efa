"""A network that becomes a program of the log-TTFS processor."""

from spkeras.ops.log_weights import LogFormat, log_quantize
from tests.ttfs.nets import chain


def cat():
    net = chain(10, 4)
    for layer in net.layers:
        weights = layer.get_weights()
        if len(weights) == 2:
            layer.set_weights([log_quantize(weights[0], LogFormat()), weights[1]])
    return net
