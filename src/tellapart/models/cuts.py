"""Where a backbone is cut, so that only its last convolutional block learns."""

import re
from typing import Any

from tellapart.errors import OptionError
from tellapart.models.backbones import Backbone
from tellapart.models.backend import keras


def cut_layer(network: Any, backbone: Backbone) -> Any:
    """The layer below the last convolutional block: everything reaches the output through it.

    Where the table names none, it is the last such layer above which at least
    a tenth of the weights and one convolution lie.
    """
    narrow = narrow_layers(network)
    if backbone.last_block:
        fitting = [layer for layer in narrow if re.fullmatch(backbone.last_block, layer.name)]
        if fitting:
            return fitting[-1]
    above, total = 0, network.count_params()
    convolution = False
    for layer in reversed(network.operations):
        if layer in narrow and convolution and above >= total / 10:
            if above > total * 9 / 10:
                break  # NASNet: every cell takes from the two before it, so nothing narrows
            return layer
        above += layer.count_params() if isinstance(layer, keras.layers.Layer) else 0
        convolution |= "Conv" in type(layer).__name__
    raise OptionError(
        f"{backbone.name} has no last block that can be trained alone. "
        "Next: leave finetuned out with --recipes, or choose another --backbone"
    )


def output_of(layer: Any) -> Any:
    """The symbolic output of a layer as the network around it sees it.

    `layer.output` of a nested model, as in ConvNeXt, would be its inner one.
    """
    return layer._inbound_nodes[-1].output_tensors[0]


def narrow_layers(network: Any) -> list[Any]:
    """The layers that every path from input to output passes, in order.

    A layer is one when no layer behind it takes anything from before it.
    """
    position = {id(layer): number for number, layer in enumerate(network.operations)}
    within = {id(node) for nodes in network._nodes_by_depth.values() for node in nodes}  # layers may be shared
    farthest: dict[int, int] = {}
    for layer in network.operations:
        for node in layer._inbound_nodes:
            for parent in node.parent_nodes if id(node) in within else ():
                source = position.get(id(parent.operation))
                if source is not None:
                    farthest[source] = max(farthest.get(source, 0), position[id(layer)])
    narrow, reach = [], 0
    for number, layer in enumerate(network.operations):
        if reach <= number:
            narrow.append(layer)
        reach = max(reach, farthest.get(number, number))
    return narrow[:-1]
