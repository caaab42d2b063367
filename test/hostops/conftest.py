# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import pytest
from hostops_client import HostOps


@pytest.fixture(scope="session")
def hostops(driver):
    client = HostOps(driver("hostops-run"))
    yield client
    assert client.close() == 0
