"""Whatever the environment, the file or a keyword holds: settings work or fail with one kind of error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kis_sync import ConfigurationError, KISBroker, Settings
from tests.test_settings import ENVIRONMENT, KEY, SECRET, VARIABLES
from tests.thoroughness import examples

# What an environment can hold: no NUL; a lone surrogate stands for a byte that is no UTF-8.
_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
_likely = st.sampled_from(
    [
        "", "1", "-1", "nan", "1e999", "true", "live", "paper", "12345678-01", "https://[", "https://a:b",
        "http://[::1]", "https://openapi.koreainvestment.com:9443", "http://127.0.0.1:1",
        "http://x@127.0.0.1", "x" * 300, "/",
    ]
)  # fmt: skip
_values = _texts | _likely


def works_or_is_a_configuration_error(**given: Any) -> None:
    """Making settings and a broker from them either works or fails with that one error."""
    try:
        made = Settings.from_env(**given)
    except ConfigurationError:
        return
    assert "app_key" in repr(made)
    with KISBroker(made) as broker:
        assert broker.settings is made


class TestAnything:
    @settings(
        max_examples=examples(80), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
    )
    @given(st.dictionaries(st.sampled_from(VARIABLES), _values))
    def test_in_any_variable_works_or_is_a_configuration_error(self, variables: dict[str, str]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**ENVIRONMENT, **variables}.items():
                patch.setenv(name, value.encode("utf-8", "replace").decode())
            works_or_is_a_configuration_error(env_file=None)

    @settings(
        max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
    )
    @given(
        st.binary(max_size=200)
        | st.dictionaries(st.sampled_from(VARIABLES), _values).map(
            lambda lines: "\n".join(f"{name}='{value}'" for name, value in lines.items()).encode()
        )
    )
    def test_in_the_file_too(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "any.env"
        path.write_bytes(f"KIS_APP_KEY={KEY}\nKIS_APP_SECRET={SECRET}\n".encode() + content)
        works_or_is_a_configuration_error(env_file=path)

    @settings(max_examples=examples(60))
    @given(
        st.sampled_from(
            ["app_key", "app_secret", "account_no", "mode", "base_url", "cache_dir", "ca_bundle"]
        ),
        st.text(),
    )
    def test_in_any_keyword_too(self, name: str, text: str) -> None:
        works_or_is_a_configuration_error(env_file=None, **{"app_key": KEY, "app_secret": SECRET, name: text})
