"""The action's own shell, run with the variables that GitHub sets, and what pre-commit reads."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from analyzer.formats.ci.comment import marker

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
ZEROS = "0" * 40
FAKE = """#!/usr/bin/env bash
printf '%s\\n' "$@" > "$RECORD"
printf '%s' "$MPLCONFIGDIR" > "$RECORD.matplotlib"
echo "::error title=x::y"
[ -z "$GITHUB_STEP_SUMMARY" ] || echo "said twice" >> "$GITHUB_STEP_SUMMARY"
for output in "$@"; do
  case "$output" in summary:*) [ "$STATUS" = 2 ] || echo "# summary" > "${output#summary:}" ;; esac
done
exit "${STATUS:-0}"
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three commits on main."""
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    for number in range(3):
        (folder / "net.py").write_text(f"{number}\n", encoding="utf-8")
        git(folder, "add", "net.py")
        git(folder, "commit", "--quiet", "-m", str(number))
    return folder


def run(name: str, folder: Path, tmp_path: Path, **variables: str) -> tuple[int, str, dict[str, str]]:
    """A step's shell as the runner starts it: exit status, stdout, and the outputs that it set."""
    outputs = tmp_path / "outputs"
    outputs.write_text("", encoding="utf-8")
    script = tmp_path / "step.sh"
    script.write_text(STEPS[name]["run"], encoding="utf-8")
    fake = tmp_path / "bin" / "analyze"
    fake.parent.mkdir(exist_ok=True)
    fake.write_text(FAKE, encoding="utf-8")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    given = {
        "PATH": f"{fake.parent}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_OUTPUT": str(outputs),
        "RUNNER_TEMP": str(tmp_path / "runner temp"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "RECORD": str(tmp_path / "record"),
    }
    assert STEPS[name]["shell"] == "bash"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    done = subprocess.run(command, cwd=folder, env=given | variables, capture_output=True, text=True, check=False)
    pairs = (line.split("=", 1) for line in outputs.read_text(encoding="utf-8").splitlines())
    return done.returncode, done.stdout, dict(pairs)


def test_figures_need_no_home(tmp_path: Path) -> None:
    empty = {"AGAINST": "", "TARGETS": "", "ARGUMENTS": ""}
    for given, expected in (
        ({}, str(tmp_path / "runner temp" / "analyze-matplotlib")),
        ({"MPLCONFIGDIR": "own"}, "own"),
    ):
        assert run("Analyse", tmp_path, tmp_path, **empty, **given)[0] == 0
        assert (tmp_path / "record.matplotlib").read_text(encoding="utf-8") == expected


def analysed(tmp_path: Path, **variables: str) -> tuple[int, list[str], dict[str, str]]:
    """Exit status, what the command was given before its outputs, and the step's outputs."""
    empty = {"AGAINST": "", "TARGETS": "", "ARGUMENTS": ""}
    status, _, outputs = run("Analyse", tmp_path, tmp_path, **(empty | variables))
    given = (tmp_path / "record").read_text(encoding="utf-8").splitlines()
    return status, given[: given.index("--output")], outputs


def test_a_base_that_is_there_is_taken_as_it_is(repository, tmp_path):
    base = git(repository, "rev-parse", "HEAD~1")
    assert run("Find the base", repository, tmp_path, AGAINST=base) == (0, "", {"revision": base})


def test_a_shallow_clone_is_deepened_until_the_merge_base_is_there(repository, tmp_path):
    base = git(repository, "rev-parse", "HEAD~2")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "shallow")
    shallow = tmp_path / "shallow"
    status, _, outputs = run("Find the base", shallow, tmp_path, AGAINST=base)
    assert (status, outputs) == (0, {"revision": base})
    assert git(shallow, "merge-base", "HEAD", base) == base
    assert git(shallow, "status", "--porcelain") == ""


@pytest.mark.parametrize("against", ["", ZEROS])
def test_a_first_push_has_no_base_and_says_so(against, repository, tmp_path):
    status, said, outputs = run("Find the base", repository, tmp_path, AGAINST=against)
    assert (status, outputs) == (0, {})
    assert said == "::notice::There is no base to compare with: only absolute limits are checked.\n"


def test_a_base_that_nobody_has_is_left_to_the_analysis_to_refuse(repository, tmp_path):
    missing = "1" * 40
    assert run("Find the base", repository, tmp_path, AGAINST=missing)[0::2] == (0, {"revision": missing})


def test_without_inputs_all_configured_models_are_analysed(tmp_path):
    status, given, outputs = analysed(tmp_path)
    assert (status, given) == (0, ["--no-base"])
    assert outputs == {"directory": f"{tmp_path}/runner temp/analyze", "status": "0"}


def test_inputs_become_arguments_and_quotes_keep_blanks(tmp_path):
    _, given, _ = analysed(
        tmp_path, AGAINST="abc", TARGETS="a.py\n'my models/é.py:net'\n", ARGUMENTS='--max-params 25M --set "name=a b"'
    )
    assert given == ["--against", "abc", "a.py", "my models/é.py:net", "--max-params", "25M", "--set", "name=a b"]


@pytest.mark.parametrize("name", ["TARGETS", "ARGUMENTS"])
@pytest.mark.parametrize("text", ["--message it's", '--set "name=a'])
def test_words_that_cannot_be_split_never_pass(name, text, tmp_path):
    """A quote that is left open must not drop the limits after it."""
    given = {"AGAINST": "", "TARGETS": "", "ARGUMENTS": "--max-params 1", name: text}
    status, said, outputs = run("Analyse", tmp_path, tmp_path, **given)
    assert (status, outputs["status"]) == (2, "2")
    assert said.startswith("::error title=analyze::The inputs targets and arguments cannot be split into words")
    assert not (tmp_path / "record").exists()


def test_a_base_is_found_for_pull_requests_merge_groups_and_pushes():
    (given,) = STEPS["Find the base"]["env"].values()
    events = re.findall(r"github\.event\.([\w.]+)", given)
    assert events == ["pull_request.base.sha", "merge_group.base_sha", "before"]


def test_a_summary_that_cannot_be_written_is_a_warning(tmp_path):
    (tmp_path / "summary").mkdir()
    status, said, _ = run("Analyse", tmp_path, tmp_path, AGAINST="", TARGETS="", ARGUMENTS="")
    assert status == 0
    assert "::warning::The step summary cannot be written." in said


@pytest.mark.parametrize("text", ["$(touch hacked)", "`touch hacked`", ";touch hacked", "a.py && touch hacked"])
def test_an_input_is_never_run(text, tmp_path):
    analysed(tmp_path, TARGETS=text, ARGUMENTS=text, AGAINST=text)
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("status", ["0", "1", "2"])
def test_the_exit_status_is_kept_and_told(status, tmp_path):
    code, _, outputs = analysed(tmp_path, STATUS=status)
    assert (str(code), outputs["status"]) == (status, status)


@pytest.mark.parametrize(
    ("status", "summary"), [("0", "before\n# summary\n"), ("1", "before\n# summary\n"), ("2", "before\n")]
)
def test_the_summary_is_appended_once(status, summary, tmp_path):
    (tmp_path / "summary").write_text("before\n", encoding="utf-8")
    analysed(tmp_path, STATUS=status)
    assert (tmp_path / "summary").read_text(encoding="utf-8") == summary


def test_a_failed_analysis_is_an_annotation(tmp_path):
    nothing = {"AGAINST": "", "TARGETS": "", "ARGUMENTS": ""}
    said = [run("Analyse", tmp_path, tmp_path, STATUS=status, **nothing)[1] for status in ("1", "2")]
    assert ["could not be analysed" in text for text in said] == [False, True]


def test_files_of_an_earlier_step_are_gone(tmp_path):
    old = tmp_path / "runner temp" / "analyze" / "comment.md"
    old.parent.mkdir(parents=True)
    old.write_text("old", encoding="utf-8")
    analysed(tmp_path, STATUS="2")
    assert not old.exists()


def test_every_file_that_is_promised_is_asked_for(tmp_path):
    _, said, outputs = run("Analyse", tmp_path, tmp_path, AGAINST="", TARGETS="", ARGUMENTS="")
    given = (tmp_path / "record").read_text(encoding="utf-8").splitlines()
    directory = outputs["directory"]
    assert Path(directory).is_dir()
    assert "github:-" in given
    assert said.startswith("::error")
    for name in ("comment-file", "sarif-file"):
        path = ACTION["outputs"][name]["value"].replace("${{ steps.analyze.outputs.directory }}", directory)
        assert any(output.endswith(f":{path}") for output in given)


def test_expressions_stand_in_env_only_and_name_what_exists():
    for step in STEPS.values():
        assert "${{" not in step.get("run", "")
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    ids = {step["id"] for step in STEPS.values() if "id" in step}
    assert set(re.findall(r"steps\.([\w-]+)\.", text)) == ids
    assert all("description" in item for item in (*ACTION["inputs"].values(), *ACTION["outputs"].values()))


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_has_what_pre_commit_needs(hook):
    assert {"id", "name", "entry", "language", "files"} <= set(hook)
    assert hook["entry"].split()[0] == "analyze"
    assert hook["pass_filenames"] is False
    assert hook["require_serial"] is True
    assert hook["language"] in ("python", "system")


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("models/net.py", True),
        ("analyze.toml", True),
        ("sub/pyproject.toml", True),
        ("setup.cfg", True),
        ("README.md", False),
        ("net.pyc", False),
        ("notanalyze.toml", False),
    ],
)
def test_a_hook_runs_when_models_or_their_limits_change(path, runs):
    assert {bool(re.search(hook["files"], path)) for hook in HOOKS} == {runs}


@pytest.mark.parametrize("page", ["github.md", "gitlab.md"])
def test_the_recipes_are_yaml(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert blocks
    assert all(yaml.safe_load(block) for block in blocks)


GH = """#!/usr/bin/env bash
printf '%s ' "$@" >> "$RECORD"
echo >> "$RECORD"
case "$*" in *--paginate*) printf '%s' "$OLD" ;; esac
"""


@pytest.mark.parametrize(
    ("body", "old", "expected"),
    [
        ("text", "", "api repos/o/r/issues/7/comments -F body=@{comment}"),
        ("text", "https://x/1\nhttps://x/2\n", "api --method PATCH https://x/1 -F body=@{comment}"),
        ("", "https://x/1\n", "api --method DELETE https://x/1"),
        ("", "", None),
    ],
)
def test_the_recipe_keeps_one_comment(body, old, expected, tmp_path):
    text = (ROOT / "docs" / "github.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    step = next(block[0] for block in blocks if isinstance(block, list) and "GH_TOKEN" in block[0].get("env", {}))
    assert marker("default") in step["run"]
    comment, record, gh = tmp_path / "comment.md", tmp_path / "record", tmp_path / "gh"
    comment.write_text(body, encoding="utf-8")
    gh.write_text(GH, encoding="utf-8")
    gh.chmod(0o755)
    variables = {"COMMENT": str(comment), "COMMENTS": "repos/o/r/issues/7/comments", "OLD": old, "RECORD": str(record)}
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], env=path | variables, check=True)
    said = [line.strip() for line in record.read_text(encoding="utf-8").splitlines()[1:]]
    assert said == ([expected.format(comment=comment)] if expected else [])


def linked(tmp_path: Path, comment: str) -> str:
    """The comment once the page's artifact is known."""
    file = tmp_path / "comment.md"
    file.write_text(comment, encoding="utf-8")
    assert run("Link the page", tmp_path, tmp_path, COMMENT=str(file), PAGE="https://example.com/artifacts/7")[0] == 0
    return file.read_text(encoding="utf-8")


def test_the_comment_links_the_page(tmp_path):
    assert linked(tmp_path, "# fine\n") == (
        "# fine\n\n[The report as a page, base beside head](https://example.com/artifacts/7)\n"
    )


def test_a_comment_that_says_nothing_links_nothing(tmp_path):
    assert linked(tmp_path, "") == ""


def test_the_page_is_kept_whatever_the_verdict_and_never_decides_it():
    keep, link = STEPS["Keep the page"], STEPS["Link the page"]
    assert keep["continue-on-error"] is True
    assert "!cancelled()" in keep["if"]
    assert "!cancelled()" in link["if"]
    assert keep["with"]["path"].endswith("/report.html")
    assert ACTION["outputs"]["page-file"]["value"].endswith("/report.html")
