# The public names of workbook.core, one list that serves the type checker and the lazy import alike.
from .batch import collate as collate, denormalize as denormalize, prepare_batch as prepare_batch
from .checkpoint import load_checkpoint as load_checkpoint, save_checkpoint as save_checkpoint
from .balanced import BalancedDataset as BalancedDataset
from .datasets import JsonDataset as JsonDataset, ManiDataset as ManiDataset, PairDataset as PairDataset
from .errors import CheckpointError as CheckpointError, DataError as DataError
from .errors import ModelError as ModelError, WorkbookError as WorkbookError
from .pairs import Pair as Pair, Pairing as Pairing, pair_by_name as pair_by_name
from .pairs import read_pairs as read_pairs, write_pairs as write_pairs
from .check import check_model as check_model
from .complexity import complexity as complexity
from .features import feature_maps as feature_maps
from .model import run_model as run_model
from .model_file import load_model_file as load_model_file
from .registry import MODELS as MODELS, Registry as Registry
from .registry import create_model as create_model, register_model as register_model
from .segmenter import Segmenter as Segmenter, top_mean as top_mean
from .signature import Signature as Signature, read_signature as read_signature
from .losses import BCE as BCE, Dice as Dice, EdgeWeighted as EdgeWeighted, Focal as Focal
from .losses import SoftIoU as SoftIoU, WeightedSum as WeightedSum
from .metrics import BestPixelF1 as BestPixelF1, FalseAlarmRate as FalseAlarmRate
from .metrics import ImageAccuracy as ImageAccuracy, PixelAUC as PixelAUC
from .metrics import ImageAUC as ImageAUC, ImageF1 as ImageF1
from .metrics import PixelAccuracy as PixelAccuracy, PixelF1 as PixelF1, PixelIoU as PixelIoU
from .metrics import metric_name as metric_name, named_metrics as named_metrics
from .metrics import update_metric as update_metric
from .forgery import CopyMove as CopyMove, Inpaint as Inpaint
from .images import mask_levels as mask_levels, read_image as read_image, read_mask as read_mask
from .transforms import train_transforms as train_transforms
from .evaluate import validate as validate
from .progress import RunInfo as RunInfo, SilentView as SilentView, StepReport as StepReport
from .progress import TextView as TextView, View as View
from .sampling import EpochSampler as EpochSampler, Seeded as Seeded
from .schedule import warmup_cosine as warmup_cosine
from .settings import TrainSettings as TrainSettings
from .trainer import Trainer as Trainer
