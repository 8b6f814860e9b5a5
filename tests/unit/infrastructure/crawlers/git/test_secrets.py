"""Keys are seen by their forms, and texts about keys are not taken for them."""

import base64
import hashlib
import time
from pathlib import PurePosixPath

import pytest

from rag_llm_system.infrastructure.crawlers.git.secrets import is_secret_name, secret_in


def made_up(n_chars: int, *, alphabet: str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") -> str:
    """Gives characters that look drawn by chance: no key stands in this file, not even a false one."""
    digest = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(n_chars // 32 + 1))
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:n_chars])


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
BASE64 = base64.encodebytes(made_up(200).encode()).decode()
KEYS = {
    "AKIA" + made_up(16, alphabet=CAPITALS): "an AWS access key",
    "ghp_" + made_up(36): "a GitHub token",
    "ghs_" + made_up(36): "a GitHub token",
    "github_pat_" + made_up(82): "a GitHub token",
    "glpat-" + made_up(20): "a GitLab token",
    "xoxb-" + "1" * 12 + "-" + made_up(24): "a Slack token",
    "AIza" + made_up(35): "a Google API key",
    "sk_live_" + made_up(24): "a Stripe key",
    "sk-ant-api03-" + made_up(90): "an Anthropic key",
    "sk-proj-" + made_up(40) + "T3Blbk" + "FJ" + made_up(40): "an OpenAI key",
    "hf_" + made_up(34, alphabet=LETTERS): "a Hugging Face token",
    "npm_" + made_up(36): "an npm token",
    "pypi-AgE" + made_up(80): "a PyPI token",
    "SG." + made_up(22) + "." + made_up(43): "a SendGrid key",
    "-----BEGIN " + "RSA PRIVATE KEY-----\n" + BASE64: "a private key",
    "-----BEGIN " + "PRIVATE KEY-----\\n" + BASE64: "a private key",
    "-----BEGIN " + "OPENSSH PRIVATE KEY-----\r\n" + BASE64: "a private key",
    "-----BEGIN " + "EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n" + BASE64: "a private key",
    "-----BEGIN " + "PGP PRIVATE KEY BLOCK-----\n\n" + BASE64: "a private key",
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_named_by_its_kind(key: str) -> None:
    assert secret_in(f'a = 1\ntoken = "{key}"\n'.encode()) == KEYS[key]


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "the prefix ghp_ is followed by 36 characters",
        'if line.startswith("-----BEGIN ' + 'PRIVATE KEY-----"):\n    return load(line)\n',
        "sk-learn and sk-ant- and hf_hub and npm_config_registry",
        "MAKIA" + made_up(16, alphabet=CAPITALS),
        "-----BEGIN CERTIFICATE-----\n" + BASE64,
        hashlib.sha256(b"x").hexdigest(),
    ],
)
def test_texts_about_keys_are_not_keys(text: str) -> None:
    assert secret_in(text.encode()) is None


STARTS = (
    "sk- sk-ant- sk_live_ rk_live_ AKIA ASIA ghp_ github_pat_ glpat- xoxb- xoxb-1 xoxb-12345678- AIza hf_ npm_ "
    "pypi-AgE SG. SG.a. -----BEGIN"
).split(" ")
HEADER = "-----BEGIN " + "PRIVATE KEY-----"


@pytest.mark.parametrize("start", [*STARTS, "PRIVATE ", HEADER, HEADER + "abc/" * 9 + " ", "sk-" + "a" * 196 + " "])
@pytest.mark.parametrize("between", ["", " ", "-", "a", "1"])
def test_a_file_made_to_look_like_keys_without_end_takes_little_time(start: str, between: str) -> None:
    words = "T3Blbk" + "FJ " + HEADER + " k_live_ "
    body = (words + (start + between) * (300_000 // len(start + between)) + " " + words).encode()
    started = time.process_time()
    secret_in(body)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "name", ".env .env.local ID_RSA server.key a.PEM .npmrc .netrc credentials secrets.yaml".split()
)
def test_files_for_keys_are_known_by_their_names(name: str) -> None:
    assert is_secret_name(PurePosixPath("a") / name)


@pytest.mark.parametrize("name", ".env.example id_rsa.pub keys.py secrets.py env.md monkey.txt .environment".split())
def test_files_about_keys_are_not_for_keys(name: str) -> None:
    assert not is_secret_name(PurePosixPath("a") / name)
