"""The command line as a user meets it: other folders, wrong input, exit statuses, one sentence on standard error."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hospital import Hospital, ct_series, ruler_pair
from tests.peers.network import free_port


def miner(*words: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`miner` in a process of its own, without any MINER_ or PREFECT_ variable of ours."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MINER_", "PREFECT_"))}
    return subprocess.run(
        [sys.executable, "-m", "miner", *map(str, words)],
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_one_sentence(result: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    for word in words:
        assert word in result.stderr


def test_init_writes_everything_once(tmp_path: Path) -> None:
    result = miner("init", "project", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Back up key, vault and catalogue together" in result.stdout
    key = tmp_path / "project" / "project.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(bytes.fromhex(key.read_text().strip())) == 32
    before = {path: path.read_bytes() for path in (key, tmp_path / "project" / "config.toml")}
    assert_one_sentence(miner("init", "project", cwd=tmp_path), 2, "exists already")
    (tmp_path / "project" / "config.toml").unlink()
    assert_one_sentence(miner("init", "project", cwd=tmp_path), 2, "project.key exists already")
    assert key.read_bytes() == before[key]


def test_init_honours_the_environment_and_never_writes_it_down(tmp_path: Path) -> None:
    result = miner("init", ".", cwd=tmp_path, MINER_STORAGE__ROOT="elsewhere", MINER_KEY="ab" * 32)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "elsewhere" / "catalogue.sqlite").is_file()
    assert not (tmp_path / "project.key").exists()
    text = (tmp_path / "config.toml").read_text()
    assert "elsewhere" not in text
    assert "ab" * 32 not in text


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("mine",), 2, ["No configuration", "miner init"]),
        (("--config", "nowhere.toml", "status"), 2, ["nowhere.toml"]),
        (("mnie",), 2, ["mnie"]),
        (("release",), 2, ["--out"]),
        (("mine", "--limit", "0"), 2, ["--limit"]),
        (("check", "nowhere"), 2, ["nowhere"]),
    ],
)
def test_wrong_usage(tmp_path: Path, words: tuple[str, ...], status: int, says: list[str]) -> None:
    assert_one_sentence(miner(*words, cwd=tmp_path), status, *says)


def test_unknown_key_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[pacs]\nhots = 1\n")
    assert_one_sentence(miner("status", cwd=tmp_path), 2, "pacs.hots", "did you mean host")


def test_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    miner("init", ".", cwd=tmp_path)
    (tmp_path / "project.key").chmod(0o644)
    assert_one_sentence(miner("mine", "--since", "all", cwd=tmp_path), 2, "chmod 600")


def test_unreachable_pacs_is_exit_3_and_names_host_and_port(tmp_path: Path) -> None:
    miner("init", ".", cwd=tmp_path)
    port = str(free_port())
    result = miner("mine", "--since", "all", cwd=tmp_path, MINER_PACS__PORT=port, MINER_LIMITS__ATTEMPTS="1")
    assert_one_sentence(result, 3, "127.0.0.1", port)
    result = miner("doctor", cwd=tmp_path, MINER_PACS__PORT=port, MINER_LIMITS__ATTEMPTS="1")
    assert result.returncode == 3
    assert "FAULT" in result.stdout
    assert port in result.stdout


def test_dates_are_days(tmp_path: Path) -> None:
    miner("init", ".", cwd=tmp_path)
    assert_one_sentence(miner("mine", "--since", "yesterday", cwd=tmp_path), 2, "--since", "YYYY-MM-DD")
    assert_one_sentence(miner("mine", cwd=tmp_path), 2, "--since")


def test_the_whole_way_by_commands_from_another_folder(hospital: Hospital, tmp_path: Path) -> None:
    for patient in ("P1", "P2"):
        images = ct_series(patient)
        hospital.add(images, ruler_pair(images[10]))
    config = hospital.settings.base / "config.toml"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(*words: str) -> str:
        result = miner("--config", config, *words, cwd=elsewhere)
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert "answers C-ECHO" in " ".join(run("doctor").split())
    assert "2 studies hold 2 presentation states and reports" in run("mine", "--since", "all", "--dry-run")
    assert hospital.pacs.requests.objects_sent == 0
    document = json.loads(run("--json", "mine", "--since", "2000-01-01"))
    assert document["outcomes"] == {"mined": 2}
    assert document["bookmarks"] == 2
    status = json.loads(run("--json", "status"))
    assert status["studies"] == {"mined": 2}
    assert status["marks"] == {"used": 4}
    assert "recist" in run("status")
    run("release", "--out", "release")
    assert_one_sentence(miner("--config", config, "release", "--out", "release", cwd=elsewhere), 2, "release")
    assert "0 faults" in run("check", "release")
    row = (elsewhere / "release" / "DL_info.csv").read_text().splitlines()[1]
    name = row.split(",")[0]
    chain = run("audit", "trace", name)
    assert name in chain
    assert "P1" not in chain
    assert "P2" not in chain
    assert "agrees" in run("audit", "verify", "--release", "release")
    resolved = json.loads(run("--json", "vault", "resolve", name))
    assert resolved["patient"]["patient_id"] in ("P1", "P2")
    assert "is at" in run("db", "upgrade")
    (elsewhere / "release" / "DL_info.csv").write_bytes(
        (elsewhere / "release" / "DL_info.csv").read_bytes().replace(b"\n", b"\r\n")
    )
    assert miner("check", "release", cwd=elsewhere).returncode == 5
    assert miner("--config", config, "audit", "verify", "--release", "release", cwd=elsewhere).returncode == 5


def test_nothing_on_the_terminal_names_a_patient(hospital: Hospital, tmp_path: Path) -> None:
    images = ct_series("PLANTED-ID")
    broken = ct_series("PLANTED-TWO")
    broken[10].PixelData = b"1234"
    hospital.add(images, ruler_pair(images[10]), broken, ruler_pair(broken[10]))
    config = hospital.settings.base / "config.toml"
    result = miner("-v", "--config", config, "mine", "--since", "all", cwd=tmp_path)
    words = result.stdout + result.stderr + miner("--config", config, "status", cwd=tmp_path).stdout
    for identifier in ("PLANTED", "Planted", "ACCS1", images[0].StudyInstanceUID, images[0].SOPInstanceUID):
        assert identifier not in words


@pytest.mark.parametrize("words", [("check", "."), ("--json", "check", ".")])
def test_exit_status_survives_whatever_becomes_of_the_output(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A folder without DL_info.csv has a fault, exit 5: also where nobody reads it, or standard output is closed."""
    command = [sys.executable, "-m", "miner", *words]
    read, write = os.pipe()
    os.close(read)
    gone = subprocess.run(command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, timeout=300, check=False)
    os.close(write)
    assert (gone.returncode, gone.stderr) == (5, b"")
    shut = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command], cwd=tmp_path, capture_output=True, timeout=300, check=False
    )
    assert (shut.returncode, shut.stderr) == (5, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this system")
@pytest.mark.parametrize("words", [("check", "."), ("--json", "check", ".")])
def test_output_to_a_full_disk_is_exit_3(tmp_path: Path, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "miner", *words],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    assert_one_sentence(result, 3, "Standard output", "ENOSPC")


def test_names_that_the_terminal_cannot_show_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "release.json").touch()
    (tmp_path / "release" / "DL_info.csv").touch()
    Path(os.fsdecode(os.fsencode(tmp_path / "release") + b"/odd\xff\xc3\xa9")).touch()
    for encoding in ("ascii", "utf-8"):
        result = miner("check", "release", cwd=tmp_path, PYTHONIOENCODING=encoding)
        assert result.returncode == 5, result.stderr
        assert "odd\\udcff" in result.stdout


@pytest.mark.parametrize("words", [(), ("audit",), ("db",), ("vault",)])
def test_a_command_is_missing(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert_one_sentence(miner(*words, cwd=tmp_path), 2, "Missing command", " ".join(("miner", *words, "--help")))


def test_a_cohort_of_nobody_is_refused(tmp_path: Path) -> None:
    miner("init", ".", cwd=tmp_path)
    (tmp_path / "empty").touch()
    assert_one_sentence(miner("mine", "--patients", "empty", cwd=tmp_path), 2, "--patients", "no id")
    assert_one_sentence(miner("mine", "--study", "", cwd=tmp_path), 2, "--study")


@pytest.mark.parametrize("uid", ["hello", "1.2.*", "1.2\\1.3", "1.2 3", "1." * 32 + "1", "..."])
def test_a_study_that_no_uid_can_name_is_not_looked_for(tmp_path: Path, uid: str) -> None:
    """It may be a name or an accession number: it is not repeated. No configuration is needed to say so."""
    result = miner("mine", "--study", uid, cwd=tmp_path)
    assert_one_sentence(result, 2, "--study", "Study Instance UID")
    assert uid not in result.stderr


def test_a_uid_that_breaks_the_rules_can_be_asked_for(tmp_path: Path) -> None:
    """Real archives hold components with leading zeros."""
    assert "config.toml" in miner("mine", "--study", " 1.02.3 ", cwd=tmp_path).stderr


def test_doctor_and_dry_run_read_the_opt_out_list(hospital: Hospital, tmp_path: Path) -> None:
    for patient in ("P1", "P2"):
        images = ct_series(patient)
        hospital.add(images, ruler_pair(images[10]))
    config = hospital.settings.base / "config.toml"
    count = ("--json", "--config", config, "mine", "--since", "all", "--dry-run")
    missing = {"MINER_SELECTION__OPT_OUT": str(tmp_path / "list")}
    assert_one_sentence(miner(*count, cwd=tmp_path, **missing), 2, "opt_out")
    result = miner("--config", config, "doctor", cwd=tmp_path, **missing)
    assert result.returncode == 2
    assert "opt-out list" in result.stdout
    (tmp_path / "list").write_text("P1\n")
    assert json.loads(miner(*count, cwd=tmp_path, **missing).stdout)["studies"] == 1


def test_doctor_looks_at_everything_whatever_is_wrong(tmp_path: Path) -> None:
    miner("init", ".", cwd=tmp_path)
    broken = {"MINER_STORAGE__ROOT": "x" * 300, "MINER_PACS__PORT": str(free_port()), "MINER_LIMITS__ATTEMPTS": "1"}
    result = miner("--json", "doctor", cwd=tmp_path, **broken)
    assert result.returncode == 3, result.stderr
    states = {entry["subject"]: entry["state"] for entry in json.loads(result.stdout)["findings"]}
    assert states.pop("configuration") == states.pop("key") == "ok"
    assert states == dict.fromkeys(("vault", "catalogue", "disk", "PACS"), "fault")
    assert_one_sentence(miner("status", cwd=tmp_path, **broken), 3, "ENAMETOOLONG")


def test_version_and_help(tmp_path: Path) -> None:
    assert miner("--version", cwd=tmp_path).stdout.startswith("miner, version 0.")
    assert "Exit status" in miner("--help", cwd=tmp_path).stdout


def test_verbose_shows_where_a_fault_happened_but_not_what_it_quotes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import miner.cli

    def broken(**_: object) -> None:
        raise ValueError("^".join(["Planted", "Name"]))

    monkeypatch.setattr(miner.cli.app, "main", broken)
    with pytest.raises(SystemExit) as caught:
        miner.cli.main(["-v", "status"])
    assert caught.value.code == 1
    words = capsys.readouterr().err
    assert "test_cli.py" in words
    assert "ValueError" in words
    assert "Planted^Name" not in words
