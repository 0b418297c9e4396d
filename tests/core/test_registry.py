import sys

import pytest
from torch import nn

from workbook.core import registry
from workbook.core.errors import ModelError
from workbook.core.registry import BUILT_IN, MODELS, Registry, create_model, did_you_mean, register_model


def a_class(name, module):
    return type(name, (nn.Module,), {"__module__": module})


@pytest.fixture
def models():
    return Registry(("workbook.models",))


def test_the_built_in_models_are_found_without_an_import_of_theirs():
    assert {"MyModel", "MyConvNeXt", "UNet"} <= set(MODELS)
    assert "UNet" in MODELS
    assert len(MODELS) == len(list(MODELS))


def test_the_built_in_models_are_found_where_nobody_has_imported_them(monkeypatch):
    import workbook.models

    assert "MyModel" in MODELS  # all are loaded, so that all are put back afterwards
    monkeypatch.setattr(workbook, "models", workbook.models)
    for name in [name for name in sys.modules if name.startswith("workbook.models")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(registry, "MODELS", Registry(BUILT_IN))
    model = create_model("MyModel")
    assert type(model).__name__ == "MyModel"
    assert type(model) is not MODELS.get("MyModel")


def test_register_module_is_the_decorator_of_imdl_benco(models):
    @models.register_module()
    class Theirs(nn.Module): ...

    @models.register_module(name="Other")
    class Second(nn.Module): ...

    assert models.get("Theirs") is Theirs
    assert models.get("Other") is Second
    assert "Second" not in models
    models.register_module(name="Third", module=Second)
    assert models.get("Third") is Second
    models.register_module(name=["Fourth", "Fifth"], module=Second)
    assert models.get("Fourth") is models.get("Fifth") is Second


def test_a_cell_run_again_replaces_its_model(models):
    first, second = a_class("Net", "__main__"), a_class("Net", "__main__")
    models.register(first)
    models.register(second)
    assert models.get("Net") is second
    third, fourth = a_class("Net2", "file"), a_class("Net2", "file")
    models.register(third)
    models.register(fourth)
    assert models.get("Net2") is fourth


@pytest.mark.parametrize("own_first", [True, False])
@pytest.mark.parametrize("own_module", ["__main__", "a_file"])
def test_a_users_model_keeps_its_name_against_a_built_in_one(models, own_first, own_module):
    own, built_in = a_class("UNet", own_module), a_class("UNet", "workbook.models.unet")
    for cls in (own, built_in) if own_first else (built_in, own):
        models.register(cls)
    assert models.get("UNet") is own


def test_two_files_that_claim_one_name_are_an_error_unless_forced(models):
    models.register(a_class("Net", "a"))
    with pytest.raises(ModelError, match="Net: b and a both register it"):
        models.register(a_class("Net", "b"))
    taken = models.register_module(force=True)(a_class("Net", "b"))
    assert models.get("Net") is taken


def test_only_modules_can_be_registered(models):
    with pytest.raises(ModelError, match=r"above a class of nn\.Module"):
        models.register(int)
    with pytest.raises(ModelError, match=r"above a class of nn\.Module"):
        models.register(nn.Linear(1, 1))


def test_register_model_with_and_without_parentheses():
    @register_model
    class RegistryTestOne(nn.Module): ...

    @register_model(name="RegistryTestTwo")
    class Two(nn.Module): ...

    assert MODELS.get("RegistryTestOne") is RegistryTestOne
    assert MODELS.get("RegistryTestTwo") is Two


def test_create_model_hands_options_on_and_says_what_is_wrong_with_them():
    @register_model
    class RegistryTestOptions(nn.Module):
        def __init__(self, width: int, deep: bool = False):
            super().__init__()
            self.options = (width, deep)

    @register_model
    class RegistryTestAny(nn.Module):
        def __init__(self, **options):
            super().__init__()
            self.options = options

    assert create_model("RegistryTestOptions", width=3, deep=True).options == (3, True)
    assert create_model("RegistryTestAny", anything=1).options == {"anything": 1}
    with pytest.raises(ModelError, match="no option 'widht'; did you mean 'width'"):
        create_model("RegistryTestOptions", widht=3)
    with pytest.raises(ModelError, match="it has: width, deep"):
        create_model("RegistryTestOptions", width=1, zzz=3)
    with pytest.raises(ModelError, match="needs width"):
        create_model("RegistryTestOptions")


def test_an_unknown_name_is_answered_with_the_nearest_or_with_all():
    with pytest.raises(ModelError, match="did you mean 'MyConvNeXt'"):
        create_model("myconvnext")
    with pytest.raises(ModelError, match=r"known: .*UNet"):
        create_model("zzzzzz")


def test_did_you_mean_is_silent_when_nothing_is_near():
    assert did_you_mean("zzz", ["pred_mask"]) == ""
