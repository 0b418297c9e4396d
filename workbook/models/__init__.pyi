# The public names of workbook.models, one list that serves the type checker and the lazy import alike.
from .convnext import MyConvNeXt as MyConvNeXt
from .layers import NoiseResidual as NoiseResidual
from .simple import MyModel as MyModel
from .unet import UNet as UNet
