"""One browser for all these tests, and a dashboard for each file of them."""

import pytest
from running_dashboard import running_browser, running_dashboard


@pytest.fixture(scope="package")
def browser():
    """Start the browser once; it is closed before other tests have an event loop of their own."""
    with running_browser() as browser:
        yield browser


@pytest.fixture(autouse=True)
def pages_are_closed(browser):
    """Leave no page open that would ask for more after its test."""
    yield
    for context in browser.contexts:
        context.close()


@pytest.fixture(scope="module")
def address(request):
    """Start a dashboard with the stub model, and what the file's own ``fill`` puts in its store."""
    fill = getattr(request.module, "fill", None)
    with running_dashboard(stub_model=True, fill=fill) as address:
        yield address
