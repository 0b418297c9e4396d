# The public names of workbook.models, one list that serves the type checker and the lazy import alike.
from .layers import NoiseResidual as NoiseResidual
from .unet import UNet as UNet
