# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import pytest
from hostops_client import HostOps


@pytest.fixture(scope="session")
def hostops(build_dir):
    tool = build_dir / "test" / "drivers" / "hostops-run"
    if not tool.exists():
        pytest.fail(f"hostops-run is not built: {tool}")
    client = HostOps(str(tool))
    yield client
    assert client.close() == 0
