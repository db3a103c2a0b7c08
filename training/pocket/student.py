"""The network that learns: plain 3x3 convolutions, so that it is fast and folds into convolutions alone."""

import numpy as np
import torch
from torch import Tensor, nn

from tellapart.models.pocket import CHANNELS, LAYERS  # 320 channels, as MobileNetV2's last linear maps have

MIDDLE = "stage2_d"  # 16 x 16, held against MobileNetV2's block 12
MIDDLE_CHANNELS = 96  # that block's


class Convolution(nn.Module):
    """A 3x3 convolution, batch norm, what went in where the shape allows it, ReLU."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.skips = channels_in == channels and stride == 1

    def forward(self, maps: Tensor) -> Tensor:
        """(n, channels_in, rows, columns) to (n, channels, rows / stride, columns / stride)."""
        result = self.norm(self.convolution(maps))
        return torch.relu(result + maps if self.skips else result)

    def folded(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernel (3, 3, in, out) and bias of the one convolution that does the same."""
        gain = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        kernel = self.convolution.weight * gain[:, None, None, None]
        if self.skips:
            kernel[range(len(kernel)), range(len(kernel)), 1, 1] += 1
        bias = self.norm.bias - self.norm.running_mean * gain
        return kernel.permute(2, 3, 1, 0).detach().numpy(), bias.detach().numpy()


class Student(nn.Module):
    """The backbone, and the two linear layers that are held against the teacher."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        channels = 3
        for name, channels_out, stride in LAYERS:
            self.layers[name] = Convolution(channels, channels_out, stride)
            channels = channels_out
        self.last = nn.Conv2d(channels, CHANNELS, 1)
        self.middle = nn.Conv2d({name: c for name, c, _ in LAYERS}[MIDDLE], MIDDLE_CHANNELS, 1)

    def forward(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Photos (n, 3, 128, 128), -1 to 1, to the middle (n, 96, 16, 16) and last (n, 320, 8, 8) maps."""
        maps, middle = photos, photos
        for name, layer in self.layers.items():
            maps = layer(maps)
            if name == MIDDLE:
                middle = self.middle(maps)
        return middle, self.last(maps)

    def folded(self) -> dict[str, np.ndarray]:
        """Kernels and biases of the plain network, `<layer>/kernel` and `<layer>/bias`, float32."""
        arrays = {}
        for name, layer in self.layers.items():
            arrays[f"{name}/kernel"], arrays[f"{name}/bias"] = layer.folded()
        arrays["last/kernel"] = self.last.weight.permute(2, 3, 1, 0).detach().numpy()
        arrays["last/bias"] = self.last.bias.detach().numpy()
        return arrays
