from workbook.curation.faults import find_faults


def test_swapped_masks_are_given_back(dataset):
    masks = sorted((dataset / "Gt").iterdir())
    first, last = masks[0].read_bytes(), masks[3].read_bytes()
    masks[0].write_bytes(last)
    masks[3].write_bytes(first)
    faults = find_faults(dataset, progress=False).faults
    assert [fault.repair for fault in faults] == ["use_mask", "use_mask"]
    assert [fault.detail["right_mask"] for fault in faults] == [str(masks[3]), str(masks[0])]


def test_a_mask_stored_twice_is_named(dataset):
    masks = sorted((dataset / "Gt").iterdir())
    masks[0].write_bytes(masks[3].read_bytes())
    (fault,) = find_faults(dataset, progress=False).faults
    assert fault.detail["same_mask_as"].endswith("ani0004_pla0054_0004.png")
