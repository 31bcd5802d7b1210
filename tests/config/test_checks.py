"""A mistake is told with its file, its key and what is allowed."""

from pathlib import Path

import pytest

from analyzer import config
from analyzer.values.errors import Problem

GOOD = """\
select = ["GRP"]
[[models]]
target = "model.py"
[[models.budgets]]
name = "mobile"
params = "5.0M"
size = "98MiB"
dtype = "float16"
max-increase = { params = "2%", min = "20k" }
override = { params = "6M", reason = "new head", until = 2031-01-01 }
[devices.board]
peak_gflops = 10
bandwidth_gbs = 2
[formulas]
"mylib::op" = "kernels:op_macs"
"""
BUDGET = "models 1, budgets 'mobile'"


def refusal(tmp_path: Path, text: str, name: str = "analyze.toml") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Problem) as caught:
        config.read(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path)).lstrip(": ")


def test_the_example_has_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "analyze.toml").write_text(GOOD, encoding="utf-8")
    assert config.read(tmp_path / "analyze.toml").models[0].budgets[0].title == "mobile"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('params = "5.0M"', "parms = 5", f"{BUDGET}: unknown key 'parms'; did you mean params? allowed: params, "),
        ('params = "5.0M"', "peak_memory = 5", f"{BUDGET}: unknown key 'peak_memory'; did you mean peak-memory?"),
        (
            "[[models]]\n",
            "[[models]]\nxyzzy = 1\n",
            "models 1: unknown key 'xyzzy'; allowed: target, name, formerly, input",
        ),
        (
            "[[models]]\n",
            '[[models]]\nname = "net"\nbudget = 1\n',
            "models 'net': unknown key 'budget'; did you mean bud",
        ),
        (
            "select",
            "selcet",
            "key 'selcet'; did you mean select? allowed: select, ignore, broken-base, models, devices, formulas",
        ),
        ('{ params = "2%"', '{ parms = "2%"', f"{BUDGET}, max-increase: unknown key 'parms'; did you mean params?"),
        ('{ params = "6M"', '{ parms = "6M"', f"{BUDGET}, override: unknown key 'parms'; did you mean params?"),
        ('target = "model.py"\n', "", "models 1: target is missing"),
        ('reason = "new head", ', "", f"{BUDGET}, override: reason is missing"),
        ('"5.0M"', '"5 Mo"', f"{BUDGET}, params: '5 Mo' is not a plain integer, or a number with k, M, G"),
        ('"5.0M"', "-1", f"{BUDGET}, params: -1 is not a plain integer"),
        ('"5.0M"', "5.0e6", f"{BUDGET}, params: 5000000.0 is not a plain integer"),
        ('"5.0M"', '"5.0000001M"', f"{BUDGET}, params: '5.0000001M' is not a whole number"),
        ('"98MiB"', '"98 miles"', f"{BUDGET}, size: '98 miles' is not a plain integer of bytes, or a number with kB"),
        ('"2%"', '"2"', f"{BUDGET}, max-increase, params: '2' is not a percentage, such as \"2%\""),
        ('"20k"', '"some"', f"{BUDGET}, max-increase, min: 'some' is not a plain integer, or a number with a unit"),
        ('"float16"', '"half"', f"{BUDGET}, dtype: it must be float64, float32, float16, bfloat16"),
        ('"float16"', '"float16"\nlevel = "fatal"', f"{BUDGET}, level: it must be off, warn or error"),
        ("2031-01-01", '"soon"', f"{BUDGET}, override, until: it must be a date, such as 2031-12-31"),
        ('"model.py"', "3", "models 1, target: it must be text"),
        ('"model.py"', '"model.py"\ninput = 3', 'models 1, input: it must be a text or a list of texts, such as ["1x3'),
        ('"model.py"', '"model.py"\nset = 3', "models 1, set: it must be a table of the builder's arguments"),
        ('["GRP"]', '"GRP"', "select: it must be a list of texts"),
        ('{ params = "2%", min = "20k" }', "3", f"{BUDGET}, max-increase: it must be a table such as {{ params"),
        ("peak_gflops = 10", "peak_gflops = -10", "devices: device 'board': "),
        ("peak_gflops", "peak", "devices: device 'board': "),
        (
            '"mylib::op" =',
            "op =",
            "formulas: 'op' is not the name of an operator; write it as torch does, such as mylib::op",
        ),
        ("kernels:op_macs", "kernels.op_macs", "formulas: mylib::op: 'kernels.op_macs' does not name a function"),
        ('"kernels:op_macs"', "3", "formulas: it must be a table such as"),
        ('"new head"', '" "', "models 'model.py', budgets 'mobile': override: the reason is empty"),
        ('{ params = "6M", ', "{ ", "models 'model.py', budgets 'mobile': override: it needs a limit"),
        (
            '{ params = "6M", ',
            '{ limit = "6M", ',
            "models 'model.py', budgets 'mobile': override: limit is for a budget",
        ),
        ('"mobile"', '"mobile"\nmatch = "a.*"\npeak-memory = 3', "peak-memory is known of the whole model only"),
        ('"mobile"', '"mobile"\nignore = ["a"]\ntrainable-params = 3', "trainable-params is known of the whole model"),
        ('dtype = "float16"', 'match = "a.*"', "size of a part needs a dtype: one of float64, float32"),
        ('size = "98MiB"\n', "", "dtype is there for size, which is not limited"),
        ('max-increase = { params = "2%", ', "max-increase = { ", "max-increase says no share"),
        ("[devices.board]", '[[models]]\ntarget = "model.py"\n[devices.board]', "two models are called 'model.py'"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    assert said in refusal(tmp_path, GOOD.replace(old, new, 1))


def test_a_budget_that_limits_nothing(tmp_path: Path) -> None:
    text = '[[models]]\ntarget = "m.py"\n[[models.budgets]]\nname = "none"\n'
    assert "budgets 'none': it limits nothing; give params, trainable-params, macs" in refusal(tmp_path, text)


def test_two_budgets_of_one_name(tmp_path: Path) -> None:
    text = '[[models]]\ntarget = "m.py"\n[[models.budgets]]\nparams = 1\n[[models.budgets]]\nmacs = 1\n'
    assert refusal(tmp_path, text) == "models 'm.py': two budgets are called 'budget'"


def test_toml_that_is_none(tmp_path: Path) -> None:
    assert refusal(tmp_path, "models = [").startswith("is not valid TOML: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[analyze:net]\ntarget = m.py\nparms = 5M\n", "unknown key 'parms'; did you mean params?"),
        ("[analyze:net]\ntarget = m.py\nparams = 5 miles\n", "'5 miles' is not a plain integer"),
        ("[analyze:net]\nparams = 5M\n", "models 'net': target is missing"),
        ("[analyze:net:body]\nparams = 5M\n", "[analyze:net:body] limits a model that is not there"),
        ("[analyze:a:b:c]\nparams = 5M\n", "[analyze:a:b:c] is not a section"),
        ("[analyze:net]\ntarget = m.py\nmax-increase = 2%\n", "unknown key '2%'"),
        ("[analyze:net]\ntarget = m.py\noverride = 6M\nparams = 5M\n", "unknown key '6M'"),
        ("[analyze\n", "cannot be read: "),
    ],
)
def test_mistakes_in_setup_cfg(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text, "setup.cfg")


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ("640", "at 640: write it like batch=1,8,64"),
        ("batch=1,8", "a budget holds at one size; write one budget for each"),
        ("batch=zero", "'zero' is not a positive size"),
    ],
)
def test_sizes_of_a_budget(tmp_path: Path, sizes: str, said: str) -> None:
    text = f'[[models]]\ntarget = "m.py"\n[[models.budgets]]\nmacs = 5\nat = "{sizes}"\n'
    assert said in refusal(tmp_path, text)
