import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, WeightedRandomSampler

from workbook.core.errors import DataError
from workbook.core.loading import make_loader, read_batches


class Draws:
    def __init__(self, length=11):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return {"index": index, "draw": torch.rand(()), "double": torch.rand(()).double()}


def contents(loader, epoch=0):
    loader.batch_sampler.set_epoch(epoch)
    return [(batch["index"].tolist(), batch["draw"].tolist()) for batch in read_batches(loader)]


def test_any_number_of_workers_sees_the_same_samples():
    def of(workers):
        return make_loader(Draws(), batch_size=4, seed=7, train=True, workers=workers)

    assert contents(of(0), 3) == contents(of(2), 3)
    assert contents(of(0), 3) != contents(of(0), 4)


def test_a_dataset_is_shuffled_for_training_only():
    assert [i for part, _ in contents(make_loader(Draws(), batch_size=4)) for i in part] == list(range(11))
    order = [i for part, _ in contents(make_loader(Draws(), batch_size=4, train=True)) for i in part]
    assert sorted(order) == list(range(11)) != order


def test_a_loaders_own_choices_are_kept():
    def batches(given, **more):
        return contents(make_loader(given, batch_size=99, train=True), **more)

    assert [len(part) for part, _ in batches(DataLoader(Draws(), batch_size=5))] == [5, 5, 1]
    assert [i for part, _ in batches(DataLoader(Draws(), batch_size=5)) for i in part] == list(range(11))
    assert [
        len(part) for part, _ in batches(DataLoader(Draws(), batch_size=5, shuffle=True, drop_last=True))
    ] == [5, 5]
    shuffled = [i for part, _ in batches(DataLoader(Draws(), batch_size=11, shuffle=True)) for i in part]
    assert sorted(shuffled) == list(range(11)) != shuffled
    weighted = DataLoader(Draws(), batch_size=5, sampler=WeightedRandomSampler([0.0] * 9 + [1.0, 1.0], 7))
    assert {i for part, _ in batches(weighted) for i in part} == {9, 10}
    some = DataLoader(Draws(), batch_size=5, sampler=RandomSampler(Draws(), num_samples=6))
    assert len({i for part, _ in batches(some) for i in part}) == 6
    loader = make_loader(DataLoader(Draws(), batch_size=2, collate_fn=len), batch_size=9)
    assert list(read_batches(loader)) == [2, 2, 2, 2, 2, 1]


def test_what_cannot_be_numbered_or_is_empty_is_refused():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([1])

    with pytest.raises(DataError, match="cannot be numbered"):
        make_loader(DataLoader(Stream(), batch_size=1), batch_size=1)
    with pytest.raises(DataError, match="cannot be numbered"):
        make_loader(DataLoader(Draws(), batch_size=None), batch_size=1)
    with pytest.raises(DataError, match="has no length"):
        make_loader(iter([1]), batch_size=1)
    with pytest.raises(DataError, match="has 0 items"):
        make_loader(Draws(0), batch_size=1)
    with pytest.raises(DataError, match="no batch of 20"):
        make_loader(DataLoader(Draws(), batch_size=20, drop_last=True), batch_size=1)


def test_a_path_is_sent_to_a_dataset(tmp_path):
    for path in (tmp_path, str(tmp_path)):
        with pytest.raises(
            DataError, match=r"is a path; give a dataset: ManiDataset\(folder\) or JsonDataset"
        ):
            make_loader(path, batch_size=2)


def test_an_error_in_a_worker_comes_through_as_it_is():
    class Broken(Draws):
        def __getitem__(self, index):
            raise DataError(f"{index}.png: is torn")

    for workers in (0, 1):
        with pytest.raises(DataError, match=r"^\d+\.png: is torn$"):
            list(read_batches(make_loader(Broken(), batch_size=2, workers=workers)))
