import json

import numpy as np
import pandas as pd

from workbook.commands.output import plain, print_json, print_table, rows, write_csv


def test_json_has_no_nan_and_no_numpy(capsys):
    table = pd.DataFrame({"f1": [0.5, np.nan], "n": [1, 2], "hit": [True, False]})
    print_json({"rows": rows(table), "worst": np.float32(0.25), "low": -np.inf})
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: 1 / 0)
    assert found == {
        "rows": [{"f1": 0.5, "n": 1, "hit": True}, {"f1": None, "n": 2, "hit": False}],
        "worst": 0.25,
        "low": None,
    }
    assert plain(True) is True


def test_tables_and_csv(tmp_path, capsys):
    table = pd.DataFrame({"f1": [0.123456, np.nan]})
    print_table(table)
    assert capsys.readouterr().out.split() == ["f1", "0.1235", "-"]
    write_csv(tmp_path / "t.csv", table)
    assert pd.read_csv(tmp_path / "t.csv")["f1"][0] == 0.123456
