"""Which files hold keys and passwords: by their names, and by the forms that well-known services give their keys."""

import re
from pathlib import PurePosixPath

_NAMES = {
    ".dockercfg", ".env", ".envrc", ".git-credentials", ".htpasswd", ".netrc", ".npmrc", ".pgpass", ".pypirc",
    "_netrc", "application_default_credentials.json", "client_secret.json", "credentials", "credentials.json",
    "id_dsa", "id_ecdsa", "id_ed25519", "id_rsa", "secrets.json", "secrets.toml", "secrets.yaml", "secrets.yml",
    "service-account.json", "service_account.json",
}  # fmt: skip
_SUFFIXES = {".jks", ".kdbx", ".key", ".keystore", ".p12", ".pem", ".pfx", ".ppk"}
_HARMLESS_ENDINGS = {".dist", ".example", ".sample", ".template"}

# A form may neither start again within what it takes, nor take without end what has to be followed by more: a file made
# for it would be read in the square of its length.
_FORMS = (
    ("a private key", "PRIVATE", rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.{0,300}?)[A-Za-z0-9+/]{40}"),
    ("an AWS access key", "AKIA ASIA", rb"\b(?:AKIA|ASIA)(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}\b"),
    ("a GitHub token", "ghp_ gho_ ghr_ ghs_ ghu_", rb"\bgh[oprsu]_[A-Za-z0-9]{36,255}\b"),
    ("a GitHub token", "github_pat_", rb"\bgithub_pat_[A-Za-z0-9_]{60,255}\b"),
    ("a GitLab token", "glpat-", rb"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a Slack token", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs-", rb"\bxox[abeoprs]-[0-9]{8,}-[A-Za-z0-9-]{10,}"),
    ("a Google API key", "AIza", rb"\bAIza[A-Za-z0-9_-]{35}\b"),
    ("a Stripe key", "k_live_", rb"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    ("an Anthropic key", "sk-ant-", rb"\bsk-ant-[A-Za-z0-9_-]{40,}"),
    ("an OpenAI key", "T3BlbkFJ", rb"(?<![\w-])sk-[A-Za-z0-9_-]{20,200}T3BlbkFJ[A-Za-z0-9_-]{20}"),
    ("a Hugging Face token", "hf_", rb"\bhf_[A-Za-z]{34}\b"),
    ("an npm token", "npm_", rb"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", "pypi-AgE", rb"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    ("a SendGrid key", "SG.", rb"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b"),
)
# Looking for the fixed words first is fifteen times as quick as one pattern of all forms.
_COMPILED = tuple(
    (kind, [word.encode() for word in words.split(" ")], re.compile(form)) for kind, words, form in _FORMS
)


def is_secret_name(path: PurePosixPath) -> bool:
    """Says whether a file of this name is kept for keys or passwords."""
    name = path.name.lower()
    if PurePosixPath(name).suffix in _HARMLESS_ENDINGS:
        return False
    return name in _NAMES or name.startswith(".env.") or PurePosixPath(name).suffix in _SUFFIXES


def secret_in(body: bytes) -> str | None:
    """Gives the kind of a key in the bytes, such as "an AWS access key"; None where there is none."""
    for kind, words, form in _COMPILED:
        if any(word in body for word in words) and form.search(body):
            return kind
    return None
