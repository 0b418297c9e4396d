import pytest
import torch
from torch import nn

from workbook.core.check import check_model
from workbook.core.errors import ModelError
from workbook.core.signature import read_signature, select_fields, unwrap


def with_forward(forward):
    return type("Net", (nn.Module,), {"forward": forward})()


BATCH = {
    "image": torch.zeros(2, 3, 4, 6),
    "mask": torch.zeros(2, 1, 4, 6),
    "label": torch.zeros(2),
    "name": ["a", "b"],
}


def test_only_the_fields_named_are_handed_over():
    signature = read_signature(with_forward(lambda self, image, label=None: None))
    assert set(select_fields(signature, BATCH)) == {"image", "label"}


def test_kwargs_get_every_field():
    def forward(self, image, mask, label, *args, **kwargs): ...

    signature = read_signature(with_forward(forward))
    assert signature.required == {"image", "mask", "label"}
    assert set(select_fields(signature, BATCH)) == set(BATCH)


def test_an_optional_field_that_the_batch_lacks_keeps_its_default():
    signature = read_signature(with_forward(lambda self, image, edge_mask=None: None))
    assert set(select_fields(signature, BATCH)) == {"image"}


def test_a_needed_field_that_the_data_does_not_carry_is_an_error_with_the_remedy():
    signature = read_signature(with_forward(lambda self, image, edge_mask: None))
    with pytest.raises(ModelError, match=r"Net: forward needs 'edge_mask'.*edge_width=7"):
        select_fields(signature, BATCH)
    signature = read_signature(with_forward(lambda self, image, shape_mask: None))
    with pytest.raises(ModelError, match='fit="pad"'):
        select_fields(signature, BATCH)
    signature = read_signature(with_forward(lambda self, image, dct: None))
    with pytest.raises(ModelError, match="post_func"):
        select_fields(signature, BATCH)


@pytest.mark.parametrize("name", ["lable", "labels", "masks", "edge_masks", "img_mask"])
def test_a_misspelt_optional_parameter_is_not_swallowed(name):
    scope = {}
    exec(f"def forward(self, image, {name}=None): ...", scope)
    signature = read_signature(with_forward(scope["forward"]))
    if name == "img_mask":  # far enough from every field to be the model's own
        assert set(select_fields(signature, BATCH)) == {"image"}
        return
    with pytest.raises(ModelError, match=f"forward's '{name}' is no field of the data; did you mean"):
        select_fields(signature, BATCH)


def test_a_field_that_looks_misspelt_but_is_in_the_batch_is_handed_over():
    signature = read_signature(with_forward(lambda self, image, labels=None: None))
    assert select_fields(signature, {**BATCH, "labels": 1})["labels"] == 1


def test_a_batch_without_truth_is_filled_in_for_models_that_insist_on_it():
    def forward(self, image, mask, label, edge_mask, shape_mask, shape, name): ...

    chosen = select_fields(read_signature(with_forward(forward)), {"image": BATCH["image"]})
    assert chosen["mask"].shape == chosen["edge_mask"].shape == (2, 1, 4, 6)
    assert not chosen["mask"].any()
    assert not chosen["label"].any()
    assert chosen["label"].shape == (2,)
    assert chosen["shape_mask"].all()
    assert chosen["shape"].tolist() == [[4, 6], [4, 6]]
    assert chosen["name"] == ["", ""]


def test_models_with_kwargs_get_blank_truth_whatever_their_defaults():
    def forward(self, image, mask=None, label=None, return_features=True, **kwargs): ...

    chosen = select_fields(read_signature(with_forward(forward)), {"image": BATCH["image"]})
    assert set(chosen) == {"image", "mask", "label"}
    assert not chosen["mask"].any()
    assert "mask" not in select_fields(
        read_signature(with_forward(lambda self, image, mask=None: None)), {"image": BATCH["image"]}
    )


def test_a_batch_without_image_is_never_filled_in():
    signature = read_signature(with_forward(lambda self, image, mask=None: None))
    with pytest.raises(ModelError, match="forward needs 'image'"):
        select_fields(signature, {"label": torch.zeros(2)})


def test_a_plain_network_is_sent_to_the_segmenter():
    with pytest.raises(ModelError, match=r"Conv2d: forward takes 'input'.*Segmenter\(Conv2d"):
        select_fields(read_signature(nn.Conv2d(3, 1, 1)), BATCH)


def test_positional_only_parameters_are_refused():
    scope = {}
    exec("def forward(self, image, /, mask=None): ...", scope)
    with pytest.raises(ModelError, match="'image' cannot be passed by name"):
        read_signature(with_forward(scope["forward"]))


def test_wrappers_are_looked_through():
    net = with_forward(lambda self, image, mask=None: None)
    assert unwrap(nn.DataParallel(net)) is net
    compiled = torch.compile(net, backend="eager")  # wrapped the same way, without the compiler's start
    assert read_signature(compiled).fields == ("image", "mask")
    assert read_signature(compiled).model == "Net"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Conv2d, r"Conv2d: is a class, not a model; make one: Conv2d\(\.\.\.\)"),
        (lambda image: image, r"model: is a function, not an nn\.Module"),
    ],
)
def test_what_is_no_model_is_refused(model, message):
    with pytest.raises(ModelError, match=message):
        read_signature(model)
    with pytest.raises(ModelError, match=message):
        check_model(model)
