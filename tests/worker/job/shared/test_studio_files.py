"""The files of the studios that share a worker: what their processes get, and which cannot be served together."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config import ConfigError
from worker.job.shared.studio_files import SharingStudio, read_studios

MACHINE = {"PATH": "/bin"}
REDIS = "REDIS_URL=redis://:secret@queue:6379/0"
DATABASE = "DATABASE_URL=postgresql://a:b@host/x"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "studios"
    made.mkdir()
    return made


def write(folder: Path, name: str, *lines: str) -> Path:
    file = folder / f"{name}.env"
    file.write_text("\n".join(lines))
    return file


def read(folder: Path, *paths: Path) -> list[SharingStudio]:
    return read_studios(paths or [folder], MACHINE, folder.parent / "homes")


def test_the_files_of_a_folder_are_studios_with_a_home_and_an_environment_each(folder: Path) -> None:
    write(folder, "two", REDIS, DATABASE, "QUEUE_PREFIX=two", "WORKER_SHARE=3", "AWS_SECRET_ACCESS_KEY='of two'")
    write(folder, "one", REDIS, f"MELLOW_HOME={folder.parent / 'mine'}", "SECRET_KEY=" + "k" * 32)
    (folder / "notes.txt").write_text("no settings")
    one, two = read(folder)
    assert (one.name, two.name) == ("one", "two")
    assert (one.settings.home, two.settings.home) == (folder.parent / "mine", folder.parent / "homes" / "two")
    assert (one.settings.worker_share, two.settings.worker_share) == (1, 3)
    assert set(one.environ) == {"PATH", "REDIS_URL", "MELLOW_HOME", "SECRET_KEY"}
    assert set(two.environ) == {
        *MACHINE,
        "REDIS_URL",
        "DATABASE_URL",
        "QUEUE_PREFIX",
        "WORKER_SHARE",
        "AWS_SECRET_ACCESS_KEY",
        "MELLOW_HOME",
    }


def test_a_file_may_be_the_dotenv_of_a_studio(tmp_path: Path) -> None:
    (tmp_path / "research").mkdir()
    file = tmp_path / "research" / ".env"
    file.write_text(f"{REDIS}\n{DATABASE}")
    assert [studio.name for studio in read(tmp_path, file)] == ["research"]


@pytest.mark.parametrize(
    ("one", "two", "sentence"),
    [
        (
            [REDIS],
            [REDIS],
            "queue, REDIS_URL: give each its own QUEUE_PREFIX, or its own database number at the end of",
        ),
        ([REDIS], ["REDIS_URL=redis://queue"], "queue, REDIS_URL"),
        ([REDIS], ["REDIS_URL=redis://queue/0?health_check_interval=9"], "queue, REDIS_URL"),
        ([REDIS], ["REDIS_URL=redis://queue?db=0"], "queue, REDIS_URL"),
        ([REDIS], ["REDIS_URL=redis://queue?db=1"], ""),
        ([REDIS], [REDIS.replace("/0", "/1")], ""),
        ([REDIS], [REDIS, "QUEUE_PREFIX=two"], ""),
        (["REDIS_URL=unix:///a.sock"], ["REDIS_URL=unix:///b.sock"], ""),
        ([], [], ""),
        ([DATABASE], ["DATABASE_URL=postgresql://c@host/x"], "database, DATABASE_URL"),
        ([DATABASE], ["DATABASE_URL=postgresql://c@host:5432/x"], "database, DATABASE_URL"),
        ([DATABASE], ["DATABASE_URL=postgresql://c@host:5433/x"], ""),
        (["MELLOW_STORE=s3://bucket/a"], ["MELLOW_STORE=s3://bucket/a/"], "store of versions, MELLOW_STORE"),
        (["MELLOW_STORE=s3://bucket/a"], ["MELLOW_STORE=s3://bucket/b"], ""),
        (["MELLOW_HOME=/tmp"], ["MELLOW_HOME=/tmp/"], "MELLOW_HOME: give each a folder of its own."),
    ],
)
def test_two_studios_that_would_meet_are_refused_in_one_sentence(
    folder: Path, one: list[str], two: list[str], sentence: str
) -> None:
    for name, lines in {"one": one, "two": two}.items():
        write(folder, name, f"MELLOW_HOME={folder.parent / name}", *lines)
    if not sentence:
        assert len(read(folder)) == 2
        return
    with pytest.raises(ConfigError) as refusal:
        read(folder)
    assert str(refusal.value).startswith(f"The studios one and two have the same {sentence}")
    assert "secret" not in str(refusal.value)


def test_what_cannot_be_read_is_refused_with_the_name_of_its_file(folder: Path) -> None:
    file = write(folder, "one", REDIS, DATABASE, "PORT=eighty")
    with pytest.raises(ConfigError, match=f"^{file}: PORT must be a whole number, not 'eighty'.$"):
        read(folder)
    with pytest.raises(ConfigError, match="There is no file"):
        read(folder, folder / "nobody.env")
    file.unlink()
    with pytest.raises(ConfigError, match="There is no studio to work for"):
        read(folder)


@pytest.mark.parametrize("lines", [[], [REDIS], [DATABASE], [REDIS, DATABASE, "MELLOW_HOME="]])
def test_a_file_that_leads_to_no_studio_is_refused(folder: Path, lines: list[str]) -> None:
    file = write(folder, "one", *lines)
    if len(lines) == 3:
        assert len(read(folder)) == 1
        return
    with pytest.raises(ConfigError) as refusal:
        read(folder)
    assert str(refusal.value) == f"{file} must name DATABASE_URL and REDIS_URL, or the MELLOW_HOME of a studio here."


def test_two_files_of_one_name_are_refused(folder: Path) -> None:
    other = folder.parent / "other"
    other.mkdir()
    with pytest.raises(ConfigError, match="Two studios are called one"):
        read(folder, write(folder, "one", REDIS, DATABASE), write(other, "one", REDIS, DATABASE))
