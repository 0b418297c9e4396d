from torch import nn

from workbook.core.configuration import describe, differ


def test_differences_are_of_what_changes_the_result():
    old = {"settings": {"batch_size": 8, "epochs": 3}, "batch": 8, "model": "A"}
    assert differ(old, {"settings": {"batch_size": 4, "epochs": 3}, "batch": 8, "model": "A"}) == []
    assert differ(old, {"settings": {"epochs": 4}, "batch": 16, "model": "B"}) == [
        "epochs: 3 → 4", "batch: 8 → 16", "model: A → B",
    ]  # fmt: skip
    # a run of before there was a choice of optimisers
    assert differ(old, old | {"settings": old["settings"] | {"optimizer": "AdamW"}}) == []
    assert differ(old, old | {"settings": old["settings"] | {"optimizer": "SGD"}}) == [
        "optimizer: AdamW → SGD"
    ]


def test_a_model_is_described_by_its_structure_and_its_forward():
    class One(nn.Module):
        def __init__(self, width=2):
            super().__init__()
            self.layer = nn.Linear(2, width)

        def forward(self, image):
            return self.layer(image)

    one = One
    text = describe(One())
    assert text.startswith("One, 6 parameters, ")
    assert describe(One()) == text  # the values do not count
    assert describe(One(3)) != text
    assert describe(One().requires_grad_(False)) != text

    class One(nn.Module):
        def __init__(self, width=2):
            super().__init__()
            self.layer = nn.Linear(2, width)

        def forward(self, image):
            return self.layer(image) * 2

    assert one is not One
    assert describe(One()) != text
