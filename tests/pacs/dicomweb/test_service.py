"""The service as configured: what is wrong is said before anything is sent, and no secret is in what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from miner.errors import ConfigError
from miner.pacs.dicomweb.service import Service
from miner.pacs.peer import Credentials
from tests.pacs.dicomweb.conftest import web_peer
from tests.peers.certificates import Authority

TOKEN = Credentials(token="s3cret-token")
USER = Credentials("somebody", "s3cret-word")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pacs.example.org/dicom-web",
        "ftp://pacs.example.org",
        "https://",
        "https:///path",
        "https://pacs.example.org:port/x",
        "https://pacs.example.org:99999/x",
        "https://somebody:s3cret-word@pacs.example.org/x",
        "https://somebody@pacs.example.org/x",
        "https://pacs.example.org/x?key=s3cret-word",
        "https://pacs.example.org/x#part",
        "https://pacs.example.org/a b",
        "https://pacs.example.org/\nx",
        "https://[::1/x",
    ],
)
def test_addresses_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ConfigError, match=r"pacs\.url") as caught:
        Service.of(web_peer(url))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("host", ["pacs.example.org", "10.0.0.5", "localhost.example.org", "127.0.0.1.example.org"])
@pytest.mark.parametrize("credentials", [TOKEN, USER])
def test_no_secret_in_clear_text_to_another_machine(host: str, credentials: Credentials) -> None:
    with pytest.raises(ConfigError, match="clear text") as caught:
        Service.of(web_peer(f"http://{host}/dicom-web", credentials=credentials))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8042", "localhost", "[::1]:8042", "127.9.9.9"])
def test_a_secret_to_this_machine(host: str) -> None:
    service = Service.of(web_peer(f"http://{host}/dicom-web/", credentials=TOKEN))
    assert service.root == f"http://{host}/dicom-web"
    assert service.authorization.given


def test_without_credentials_plain_http_is_the_administrators_choice() -> None:
    assert Service.of(web_peer("http://pacs.example.org/dicom-web")).tls is None


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        (Credentials("somebody", "word", "token"), "either"),
        (Credentials("somebody", ""), "go together"),
        (Credentials("", "word"), "go together"),
        (Credentials(token="s3cret\ntoken"), "no token can have"),
        (Credentials(token="s3cret tokén"), "no token can have"),
    ],
)
def test_credentials_that_contradict_themselves(credentials: Credentials, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Service.of(web_peer("https://pacs.example.org/x", credentials=credentials))
    assert "s3cret" not in str(caught.value)


def test_tls_that_is_demanded_and_not_configured() -> None:
    with pytest.raises(ConfigError, match=r"pacs\.tls is true"):
        Service.of(web_peer("http://pacs.example.org/x", tls=True))


def test_files_of_tls_that_cannot_be_used(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ours, another = authority.issue("ours"), authority.issue("another")
    (tmp_path / "nonsense.pem").write_text("nonsense")

    def check(**values: Any) -> None:
        with pytest.raises(ConfigError, match=r"pacs\.tls_"):
            Service.of(web_peer("https://pacs.example.org/x", base=tmp_path, **values))

    check(tls_ca="absent.pem")
    check(tls_ca="nonsense.pem")
    check(tls_certificate="ours.pem")
    check(tls_key="ours.key")
    check(tls_certificate="ours.pem", tls_key="another.key")
    check(tls_certificate="ours.pem", tls_key="absent.key")
    Service.of(web_peer("https://x.example.org", base=tmp_path, tls_certificate="ours.pem", tls_key="ours.key"))
    ours.key.chmod(0o644)
    check(tls_certificate="ours.pem", tls_key="ours.key")
    assert another.key.exists()


def test_nothing_of_the_credentials_is_printed() -> None:
    service = Service.of(web_peer("https://pacs.example.org/x", credentials=USER))
    assert "s3cret" not in repr(service)
    assert "s3cret" not in repr(service.authorization)
