import socket
import threading

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from workbook.core.errors import CheckpointError, ModelError
from workbook.models import pretrained
from workbook.models.pretrained import load_weights, read_state_dict, timm_backbone

NAME = "convnext_atto"


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def weights_of(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": s}]
)
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod."])
def test_packed_and_prefixed_weights_are_seen_through(tmp_path, wrap, prefix):
    state = weights_of(nn.Linear(2, 1))
    torch.save(wrap({prefix + key: value for key, value in state.items()}), tmp_path / "w.pth")
    found = read_state_dict(tmp_path / "w.pth")
    assert found.keys() == state.keys()
    assert torch.equal(found["weight"], state["weight"])


def test_safetensors_are_read(tmp_path):
    state = weights_of(nn.Linear(2, 1))
    save_file(state, tmp_path / "w.safetensors")
    assert torch.equal(read_state_dict(str(tmp_path / "w.safetensors"))["weight"], state["weight"])


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('the pickle ran')",))


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"state_dict": {"weight": torch.ones(1)}, "evil": Evil()}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"w\.pth"):
        read_state_dict(tmp_path / "w.pth")


def test_files_without_weights_are_named(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=r"w\.pth: holds no weights"):
        read_state_dict(tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"absent\.pth"):
        read_state_dict(tmp_path / "absent.pth")


def test_load_weights_is_all_or_an_error(tmp_path):
    state = weights_of(nn.Linear(2, 1))
    model = nn.Linear(2, 1)
    load_weights(model, "w", state)
    assert torch.equal(model.weight, state["weight"])
    with pytest.raises(ModelError, match="w: has no bias"):
        load_weights(nn.Linear(2, 1), "w", {"weight": state["weight"]})
    with pytest.raises(ModelError, match="w: extra is not in Linear"):
        load_weights(nn.Linear(2, 1), "w", {**state, "extra": state["bias"]})
    with pytest.raises(ModelError, match=r"w: weight is \(1, 2\), not \(1, 3\)"):
        load_weights(nn.Linear(3, 1), "w", state)


def test_a_backbone_takes_timms_own_weights():
    whole = timm.create_model(NAME, pretrained=False)
    backbone = timm_backbone(NAME, pretrained=False, state=weights_of(whole)).eval()
    image = torch.randn(1, 3, 64, 64)
    expected = whole.eval().stages(whole.stem(image))
    torch.testing.assert_close(backbone(image)[-1], expected)


def test_weights_of_another_network_are_refused():
    other = weights_of(timm.create_model("resnet18", pretrained=False))
    with pytest.raises(ModelError, match=f"backbone '{NAME}': the weights do not fit"):
        timm_backbone(NAME, pretrained=False, state=other)
    wrong_size = weights_of(timm.create_model("convnext_femto", pretrained=False))
    with pytest.raises(ModelError, match=r"the weights do not fit .*size mismatch"):
        timm_backbone(NAME, pretrained=False, state=wrong_size)


def test_weights_that_timm_would_skip_are_noticed():
    state = weights_of(timm.create_model(NAME, pretrained=False))
    kernel = next(key for key, value in state.items() if "stages.1" in key and value.ndim > 1)
    state["renamed"] = state.pop(kernel) + 1
    with pytest.raises(
        ModelError, match=r"1 of .* kernels are not in the weights; give those of the same timm"
    ):
        timm_backbone(NAME, pretrained=False, state=state)


def test_a_network_without_published_weights_is_named():
    with pytest.raises(ModelError, match=r"timm has no weights of it; pass weights=.*pretrained=False"):
        timm_backbone("botnet50ts_256", pretrained=True)


def test_a_download_that_breaks_off_is_one_error(empty_cache, monkeypatch):
    def broken(*_, **__):
        raise OSError("connection reset by peer")

    monkeypatch.setattr(pretrained, "_ask_network", lambda name: None)
    monkeypatch.setattr("timm.create_model", broken)
    with pytest.raises(ModelError, match=r"connection reset by peer.*pretrained=False"):
        timm_backbone(NAME, pretrained=True)


def test_an_unknown_backbone_is_answered_with_the_nearest():
    with pytest.raises(
        ModelError, match="backbone 'convnext_tinny': timm has no such network; did you mean 'convnext_tin"
    ):
        timm_backbone("convnext_tinny", pretrained=True)


def test_without_a_network_there_is_a_choice_and_no_wait(empty_cache, monkeypatch):
    with socket.socket() as free:  # a port where nobody listens
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(
            ModelError,
            match=r"does not answer; pass weights='FILE.safetensors' \(or .pth\), or pretrained=False",
        ):
            timm_backbone(NAME, pretrained=True)


def test_a_network_that_swallows_everything_is_given_up(empty_cache, monkeypatch):
    monkeypatch.setattr(pretrained, "NETWORK_SECONDS", 0.3)
    with socket.socket() as silent:  # accepts, and never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ModelError, match="does not answer"):
            timm_backbone(NAME, pretrained=True)


def test_a_look_up_that_never_returns_is_not_waited_for(empty_cache, monkeypatch):
    release, returned = threading.Event(), []

    def stuck(*_, **__):
        release.wait(20)
        returned.append(True)
        raise OSError

    monkeypatch.setattr(pretrained, "NETWORK_SECONDS", 0.1)
    monkeypatch.setattr("urllib.request.urlopen", stuck)
    with pytest.raises(ModelError, match="does not answer"):
        timm_backbone(NAME, pretrained=True)
    assert not returned
    release.set()


def test_hf_hub_offline_is_heeded(empty_cache, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set; pass weights="):
        timm_backbone(NAME, pretrained=True)


def test_weights_in_the_cache_need_no_network(tmp_path, monkeypatch):
    whole = timm.create_model(NAME, pretrained=False)
    save_file(weights_of(whole), tmp_path / "model.safetensors")
    asked = []

    def cached(repo, file, **_):
        asked.append((repo, file))
        return str(tmp_path / file) if file == "model.safetensors" else None

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cached)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    backbone = timm_backbone(NAME, pretrained=True)
    assert asked == [("timm/convnext_atto.d2_in1k", "model.safetensors")]
    assert torch.equal(next(backbone.parameters()), next(whole.parameters()))
