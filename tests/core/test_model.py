import pytest
import torch
from torch import nn

from workbook.core.errors import ModelError
from workbook.core.model import check_batch, run_model


class Net(nn.Module):
    """A convolution whose output dictionary each test changes."""

    def __init__(self, **changes):
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1)
        self.changes = changes

    def forward(self, image, mask=None, label=None):
        pred = self.conv(image).sigmoid()
        output = {"pred_mask": pred, "pred_label": pred.mean((1, 2, 3))}
        if mask is not None:
            output["backward_loss"] = ((pred - mask) ** 2).mean()
        for key, change in self.changes.items():
            if change is None:
                output.pop(key, None)
            else:
                output[key] = change(pred)
        return output


@pytest.fixture
def batch():
    return {
        "image": torch.randn(2, 3, 6, 8),
        "mask": (torch.rand(2, 1, 6, 8) > 0.5).float(),
        "label": torch.ones(2),
        "name": ["a", "b"],
    }


def test_a_good_model_runs_and_its_output_is_brought_into_form(batch):
    output = run_model(Net(), batch)
    assert output["pred_mask"].shape == (2, 1, 6, 8)
    assert output["pred_label"].shape == (2,)
    assert output["backward_loss"].shape == ()
    assert output["backward_loss"].requires_grad
    assert output["visual_loss"] == output["visual_image"] == {}


def test_without_truth_there_is_no_loss(batch):
    output = run_model(Net(backward_loss=lambda pred: pred.mean()), {"image": batch["image"]})
    assert "backward_loss" not in output
    assert output["pred_mask"].shape == (2, 1, 6, 8)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2,), [0.25, 0.75]), ((2, 1), [0.25, 0.75]), ((), [0.25, 0.25])],
)
@pytest.mark.filterwarnings("ignore:.*one score for the whole batch")
def test_pred_label_is_taken_as_what_it_means(batch, shape, expected):
    values = torch.tensor([0.25, 0.75])
    output = run_model(
        Net(pred_label=lambda _: values[: values.numel() if shape else 1].reshape(shape)), batch
    )
    assert output["pred_label"].tolist() == expected


def test_one_score_for_the_whole_batch_is_warned_of(batch):
    with pytest.warns(UserWarning, match="one score for the whole batch"):
        run_model(Net(pred_label=lambda pred: pred.mean()), batch)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 2), (1, 2), (2, 1, 1)])
def test_any_other_pred_label_is_refused(batch, shape):
    with pytest.raises(ModelError, match=r"pred_label is float32 .*, not \(2,\)"):
        run_model(Net(pred_label=lambda _: torch.full(shape, 0.5)), batch)


def test_a_decision_is_no_probability(batch):
    with pytest.raises(ModelError, match=r"pred_label is torch.int64; return the probability"):
        run_model(Net(pred_label=lambda _: torch.tensor([0, 1])), batch)


def test_none_is_as_good_as_absent_and_a_detector_needs_no_map(batch):
    output = run_model(Net(pred_mask=None), batch)
    assert "pred_mask" not in output
    output = run_model(Net(pred_label=lambda _: None, visual_loss=lambda _: None), batch)
    assert "pred_label" not in output
    assert output["visual_loss"] == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[:, 0], r"pred_mask is float32 \(2, 6, 8\), not float \(2, 1, 6, 8\).*unsqueeze"),
        (lambda p: p.transpose(2, 3), "height and width are swapped"),
        (lambda p: p.expand(2, 2, 6, 8), r"pred\[:, 1:2\]"),
        (lambda p: p[..., ::2, ::2], "F.interpolate"),
        (lambda p: p > 0.5, r"pred_mask is bool"),
        (lambda p: "map", "pred_mask is a str"),
        (lambda p: p[:1], "one for each pixel"),
    ],
)
def test_a_wrong_map_is_named_with_its_fix(batch, change, message):
    with pytest.raises(ModelError, match=message):
        run_model(Net(pred_mask=change), batch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pred_masks": lambda p: p}, "output key 'pred_masks' is unknown; did you mean 'pred_mask'"),
        (
            {"backward_loss": None, "loss_backward": lambda p: 0},
            "'backward_loss' is missing though mask was given",
        ),
        ({"pred_mask": None, "pred_label": None}, "'pred_mask' is missing"),
        ({"backward_loss": lambda p: p}, r"backward_loss is float32 \(2, 1, 6, 8\), not a scalar"),
        ({"backward_loss": lambda p: (p > 0.5).float().mean()}, "backward_loss has no gradient"),
        ({"visual_loss": lambda p: {"a": p}}, r"visual_loss\['a'\] is float32"),
        ({"visual_loss": lambda p: p.mean()}, r"visual_loss is float32 \(\), not a dictionary; return"),
        ({"visual_image": lambda p: p}, r"visual_image is float32 \(2, 1, 6, 8\), not a dictionary; return"),
        ({"visual_image": lambda p: {"a": p[0]}}, r"visual_image\['a'\] is float32 \(1, 6, 8\)"),
        ({"visual_image": lambda p: {"a": p.expand(2, 4, 6, 8)}}, r"not \(B, 1 or 3, H, W\)"),
    ],
)
def test_a_broken_contract_is_named(batch, changes, message):
    with pytest.raises(ModelError, match=message):
        run_model(Net(**changes), batch)


def test_keys_of_ones_own_pass_through(batch):
    assert run_model(Net(attention=lambda p: p), batch)["attention"].shape == (2, 1, 6, 8)


def test_a_loss_without_gradient_is_fine_where_nobody_trains(batch):
    net = Net(backward_loss=lambda p: (p > 0.5).float().mean())
    assert run_model(net.eval(), batch)["backward_loss"].shape == ()
    with torch.no_grad():
        assert run_model(net.train(), batch)["backward_loss"].shape == ()


def test_a_tensor_instead_of_a_dictionary_is_sent_to_the_segmenter(batch):
    class Plain(nn.Module):
        def forward(self, image):
            return image[:, :1]

    with pytest.raises(
        ModelError, match=r"returned float32 \(2, 1, 6, 8\), not a dictionary.*Segmenter\(Plain"
    ):
        run_model(Plain(), batch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pred_mask": lambda p: p * 9 - 4}, r"pred_mask lies in .* logits, not probabilities"),
        ({"pred_mask": lambda p: p.where(p < p.max(), torch.nan)}, "pred_mask has NaN"),
        ({"pred_label": lambda p: p.mean((1, 2, 3)) + 1}, "pred_label lies in"),
        ({"backward_loss": lambda p: p.mean() / 0}, "backward_loss is inf"),
    ],
)
def test_values_are_checked_when_asked_for(batch, changes, message):
    with pytest.raises(ModelError, match=message):
        run_model(Net(**changes), batch, values=True)
    run_model(Net(**changes), batch)  # and not else: looking makes a GPU wait


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("image", torch.zeros(2, 3, 6, 8, dtype=torch.uint8), r"image: uint8 .*prepare_batch"),
        ("image", None, "image: a NoneType"),
        ("image", torch.zeros(3, 6, 8), r"image: float32 \(3, 6, 8\)"),
        ("mask", torch.zeros(2, 1, 6, 8).long(), r"mask: int64 \(2, 1, 6, 8\), not float"),
        ("mask", torch.zeros(2, 6, 8), r"mask: float32 \(2, 6, 8\), not float \(2, 1, 6, 8\)"),
        (
            "mask",
            torch.full((2, 1, 6, 8), 255.0),
            "mask: values from 255 to 255, not in .*divide a 0/255 mask",
        ),
        ("mask", torch.full((2, 1, 6, 8), float("nan")), "mask: values from nan"),
        ("label", torch.tensor([0, 1]), r"label: int64 \(2,\), not float \(2,\)"),
        (
            "label",
            torch.zeros(2, 1),
            r"label: float32 \(2, 1\), not float \(2,\); let .* one number an image",
        ),
        ("label", torch.full((2,), 2.0), r"label: values from 2 to 2, .*; 1 is tampered and 0 authentic"),
        ("mask", torch.zeros(2, 3, 6, 8), r"mask: float32 \(2, 3, 6, 8\), .* one channel, \(1, H, W\)"),
        ("edge_mask", torch.zeros(2, 1, 6, 6), "edge_mask: .* give it the image's size"),
        ("shape_mask", torch.full((2, 1, 6, 8), -1.0), "shape_mask: values"),
    ],
)
def test_a_bad_field_is_named_with_its_fix(batch, field, value, message):
    check_batch(batch)
    with pytest.raises(ModelError, match=message):
        check_batch({**batch, field: value})


def test_predictions_come_out_as_float32_under_autocast(batch):
    with torch.autocast("cpu", torch.bfloat16):
        output = run_model(Net(), batch)
    assert output["pred_mask"].dtype == output["pred_label"].dtype == torch.float32
