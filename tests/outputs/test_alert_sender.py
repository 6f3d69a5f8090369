"""Alerts on their way: real servers, failures, retries by a clock of the test's own."""

from __future__ import annotations

import email
import email.policy
import hmac
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alert_receivers import Hook, running_hook, running_mailbox
from stored_calls import add, scored_report
from waiting import until

from calmscore.outputs import alert_channels
from calmscore.outputs.alert_sender import AlertSender
from calmscore.settings import read_environment
from calmscore.store import Store, audit
from calmscore.store.alert_rules import AlertRule, add_rule, ask_for_test, delete_rule, read_secret
from calmscore.store.alerts import raise_alerts
from calmscore.store.calls import find_call
from calmscore.store.deliveries import (
    GIVEN_UP_AFTER,
    LEASE,
    DeliveryRow,
    list_deliveries,
    take_delivery,
)
from calmscore.store.words import save_words, want_words

AGENT, CUSTOMER, FILE_NAME = "Ben", "Marigold 4711", "Marigold_4711.wav"


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        # After all that a test puts on its way.
        self.now = datetime.now(UTC) + timedelta(minutes=2)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hook(monkeypatch) -> Iterator[Hook]:
    with running_hook() as hook:
        monkeypatch.setenv("CALMSCORE_ALERT_HOSTS", f"127.0.0.1:{hook.port}, example.com")
        yield hook


@pytest.fixture
def mailbox(monkeypatch):
    with running_mailbox() as mailbox:
        monkeypatch.setenv("CALMSCORE_ALERT_HOSTS", "example.com")
        monkeypatch.setenv("CALMSCORE_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("CALMSCORE_SMTP_PORT", str(mailbox.port))
        monkeypatch.setenv("CALMSCORE_SMTP_SECURITY", "none")
        monkeypatch.setenv("CALMSCORE_SMTP_SENDER", "calmscore@example.com")
        yield mailbox


def keep(store: Store, **fields) -> int:
    rule = AlertRule(name="Escalated", outcomes=("escalated",), to_queue=True, **fields)
    with store.database.writing() as session:
        return add_rule(session, rule).id


def add_escalated(store: Store, name: str = FILE_NAME) -> str:
    report = scored_report(name, 2.04, "escalated")
    return add(store, name, report, agent=AGENT, customer=CUSTOMER)


def deliveries(store: Store) -> list[DeliveryRow]:
    with store.database.reading() as session:
        return list_deliveries(session)


def one(store: Store) -> DeliveryRow:
    (row,) = deliveries(store)
    return row


def test_a_webhook_is_signed_and_tells_no_more_than_it_has_to(store, clock, hook, monkeypatch):
    monkeypatch.setenv("CALMSCORE_DASHBOARD_URL", "https://calm.example.com/")
    rule_id = keep(store, url=hook.url)
    call_id = add_escalated(store)
    assert AlertSender(store, clock=clock).send_waiting() == 1
    ((path, headers, body),) = hook.received
    assert path == "/hook?from=calmscore"
    told = json.loads(body)
    link = f"https://calm.example.com/call?call={call_id}"
    assert (told["rule"], told["kind"]) == ("Escalated", "alert")
    assert told["call"].pop("called_at")
    assert told["call"] == {
        "id": call_id, "agent": AGENT, "score": 2.04, "outcome": "escalated", "link": link,
    }  # fmt: skip
    assert b"Marigold" not in body
    with store.database.reading() as session:
        secret = read_secret(session, rule_id)
        lines = [(line.actor, line.action) for line in audit.list_events(session)]
    # As docs/operate.md tells a receiver to check it.
    timestamp, signature = headers["Calmscore-Timestamp"], headers["Calmscore-Signature"]
    expected = hmac.new(secret.encode(), timestamp.encode() + b"." + body, "sha256").hexdigest()
    assert hmac.compare_digest(signature, f"sha256={expected}")
    assert abs(time.time() - int(timestamp)) < 300
    assert (one(store).state, one(store).attempts) == ("sent", 1)
    assert ("alerts", "alert sent") in lines
    assert AlertSender(store, clock=clock).send_waiting() == 0


def test_the_customer_is_told_only_where_the_rule_says_so(store, clock, hook):
    keep(store, url=hook.url, tells_customer=True, phrases=("cancel", "supervisor"))
    call_id = add_escalated(store)
    assert hook.received == []
    with store.database.writing() as session:
        call = find_call(session, call_id)
        want_words(session, call, customer_channel="left")
        turn = {"speaker": "customer", "start_seconds": 0.0, "end_seconds": 1.0}
        words = {"turns": [turn | {"text": "Cancel! I cancel."}]}
        save_words(session, call, customer_channel="left", words=words)
        raise_alerts(session, call)
    assert AlertSender(store, clock=clock).send_waiting() == 1
    told = json.loads(hook.received[0][2])["call"]
    assert (told["customer"], told["file_name"]) == (CUSTOMER, FILE_NAME)
    assert told["phrases"] == {"cancel": 2}


def test_what_fails_is_tried_again_after_growing_pauses_and_given_up_after_a_day(
    store, clock, hook
):
    keep(store, url=hook.url)
    add_escalated(store)
    hook.status = 503
    sender, pauses = AlertSender(store, clock=clock), []
    while one(store).state == "waiting":
        before = clock.now
        assert sender.send_waiting() == 0
        clock.now = max(one(store).not_before, clock.now)
        pauses.append((clock.now - before).total_seconds())
    assert pauses[:4] == [10, 30, 90, 270]
    assert max(pauses) == 3600
    assert pauses[:-1] == sorted(pauses[:-1])
    row = one(store)
    assert (row.state, row.attempts) == ("given up", len(hook.received))
    assert row.last_error == "127.0.0.1 answered 503"
    assert GIVEN_UP_AFTER <= clock.now - row.created_at <= GIVEN_UP_AFTER + timedelta(hours=1)
    clock.forward(days=2)
    assert sender.send_waiting() == 0
    assert {json.loads(body)["id"] for _, _, body in hook.received} == {row.id}


def test_a_message_that_failed_arrives_later_also_from_another_service(store, clock, hook):
    keep(store, url=hook.url)
    add_escalated(store)
    hook.status = 500
    assert AlertSender(store, clock=clock).send_waiting() == 0
    hook.status = 200
    other = AlertSender(store, clock=clock)
    assert other.send_waiting() == 0  # not yet
    clock.forward(seconds=11)
    assert other.send_waiting() == 1
    assert (one(store).state, one(store).last_error) == ("sent", None)


def test_what_a_service_took_and_never_sent_is_sent_by_another(store, clock, hook):
    keep(store, url=hook.url)
    add_escalated(store)
    with store.database.writing() as session:
        assert take_delivery(session, owner="one that died", now=clock.now) is not None
    sender = AlertSender(store, clock=clock)
    assert sender.send_waiting() == 0
    clock.forward(seconds=LEASE.total_seconds() + 1)
    assert sender.send_waiting() == 1


def test_services_at_once_send_each_message_once(store, store_url, clock, hook):
    keep(store, url=hook.url)
    for number in range(12):
        add_escalated(store, f"{number}.wav")
    stores = [Store(store.folder, url=store_url) for _ in range(3)]
    senders = [AlertSender(opened, clock=clock) for opened in stores]
    threads = [threading.Thread(target=sender.send_waiting) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for opened in stores:
        opened.close()
    ids = [json.loads(body)["id"] for _, _, body in hook.received]
    assert len(ids) == len(set(ids)) == 12
    assert {row.state for row in deliveries(store)} == {"sent"}


def test_an_address_that_does_not_answer_keeps_nobody_elses_messages(store, clock, hook):
    with running_hook() as broken:
        dead = broken.url
    keep(store, url=hook.url)
    keep(store, url=dead.replace("127.0.0.1", "localhost"))
    for number in range(3):
        add_escalated(store, f"{number}.wav")
    assert AlertSender(store, clock=clock).send_waiting() == 3
    waiting = [row for row in deliveries(store) if row.state == "waiting"]
    assert sorted(row.attempts for row in waiting) == [0, 0, 1]


def test_redirects_are_not_followed(store, clock, hook):
    with running_hook() as elsewhere:
        hook.status, hook.headers = 307, {"Location": elsewhere.url}
        keep(store, url=hook.url)
        add_escalated(store)
        assert AlertSender(store, clock=clock).send_waiting() == 0
        assert elsewhere.received == []
    assert "answered 307, another address, which is not followed" in str(one(store).last_error)


def test_who_is_gone_is_left_alone(store, clock, hook):
    hook.status = 410
    keep(store, url=hook.url)
    add_escalated(store)
    assert AlertSender(store, clock=clock).send_waiting() == 0
    assert one(store).state == "given up"


def test_one_that_never_ends_its_answer_is_given_up_in_time(store, clock, hook, monkeypatch):
    monkeypatch.setattr(alert_channels, "_WHOLE_SECONDS", 0.5)
    slow = threading.Event()

    class Dripping(dict):
        def items(self):
            slow.wait(30)  # no header, and no end
            return []

    hook.headers = Dripping()
    keep(store, url=hook.url)
    add_escalated(store)
    try:
        assert AlertSender(store, clock=clock).send_waiting() == 0
    finally:
        slow.set()
    assert one(store).state == "waiting"
    assert one(store).last_error


# Where nothing may go


def test_by_default_nothing_leaves_the_machine(store, clock, hook, mailbox, monkeypatch, caplog):
    monkeypatch.delenv("CALMSCORE_ALERT_HOSTS")
    keep(store, url=hook.url, addresses=("ada@example.com",))
    add_escalated(store)
    assert AlertSender(store, clock=clock).send_waiting() == 0
    assert hook.received == mailbox.received == []
    errors = sorted(str(row.last_error) for row in deliveries(store))
    assert errors[0].startswith(f"127.0.0.1:{hook.port} is not among the hosts that may be told")
    assert "CALMSCORE_" not in "".join(errors) and "CALMSCORE_ALERT_HOSTS" in caplog.text
    assert errors[1].startswith("example.com is not among")


@pytest.mark.parametrize(
    ("allowed", "url", "goes"),
    [
        ("hooks.example.com", "https://hooks.example.com/a", True),
        ("hooks.example.com", "https://HOOKS.example.com:443/a", True),
        ("hooks.example.com", "https://hooks.example.com:8443/a", False),
        ("hooks.example.com:8443", "https://hooks.example.com:8443/a", True),
        ("hooks.example.com", "https://example.com/a", False),
        ("example.com", "https://hooks.example.com/a", False),
        ("example.com", "https://example.com.evil.test/a", False),
        ("example.com", "https://evil.test/?example.com", False),
        ("", "https://hooks.example.com/a", False),
    ],
)
def test_a_host_is_allowed_by_its_whole_name_and_port(monkeypatch, allowed, url, goes):
    monkeypatch.setenv("CALMSCORE_ALERT_HOSTS", allowed)
    if goes:
        alert_channels.check_allowed("webhook", url, read_environment())
    else:
        with pytest.raises(alert_channels.NotDeliveredError, match="not among the hosts"):
            alert_channels.check_allowed("webhook", url, read_environment())


def certificate_for(name: str, folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, certificate


def certified(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool
) -> ssl.SSLContext:
    """Return a server's side of TLS under a name, trusted here or not."""
    key, certificate = certificate_for(name, folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return context


CERTIFICATES = pytest.mark.parametrize(
    ("name", "trusted", "arrives"),
    [("localhost", True, 1), ("localhost", False, 0), ("other.test", True, 0)],
)


@CERTIFICATES
def test_certificates_are_checked(store, clock, tmp_path, monkeypatch, name, trusted, arrives):
    context = certified(name, tmp_path, monkeypatch, trusted=trusted)
    with running_hook(certificate=context) as hook:
        monkeypatch.setenv("CALMSCORE_ALERT_HOSTS", f"localhost:{hook.port}")
        keep(store, url=f"https://localhost:{hook.port}/hook")
        add_escalated(store)
        assert AlertSender(store, clock=clock).send_waiting() == arrives == len(hook.received)
    if not arrives:
        assert "its certificate is not trusted" in str(one(store).last_error)


# E-mail


def test_an_email_is_plain_and_tells_no_more_than_it_has_to(store, clock, mailbox):
    keep(store, addresses=("ada@example.com", "ben@example.com"))
    call_id = add_escalated(store)
    assert AlertSender(store, clock=clock).send_waiting() == 2
    assert sorted(mailbox.recipients) == ["ada@example.com", "ben@example.com"]
    mail = email.message_from_string(mailbox.received[0], policy=email.policy.default)
    assert mail["Subject"] == "Calmscore: Escalated"
    assert mail["From"] == "calmscore@example.com"
    text = mail.get_content()
    assert "The rule “Escalated” found a call." in text
    assert "Score 2.0, escalated" in text
    assert f"Agent: {AGENT}" in text
    assert f"http://localhost:8501/call?call={call_id}" in text
    assert "Marigold" not in mailbox.received[0] + text


def test_an_address_that_is_refused_for_good_is_given_up_at_once(store, clock, mailbox):
    keep(store, addresses=("ada@example.com",))
    add_escalated(store)
    mailbox.answer_to_recipient = "451 later"
    sender = AlertSender(store, clock=clock)
    assert sender.send_waiting() == 0
    assert (one(store).state, one(store).last_error) == (
        "waiting",
        "127.0.0.1 refused the address (451)",
    )
    mailbox.answer_to_recipient = "550 nobody here called Marigold"
    clock.forward(minutes=1)
    assert sender.send_waiting() == 0
    assert (one(store).state, one(store).last_error) == (
        "given up",
        "127.0.0.1 refused the address (550)",
    )


def test_a_server_without_starttls_gets_nothing_where_it_is_asked_for(
    store, clock, mailbox, monkeypatch
):
    monkeypatch.delenv("CALMSCORE_SMTP_SECURITY")
    keep(store, addresses=("ada@example.com",))
    add_escalated(store)
    assert AlertSender(store, clock=clock).send_waiting() == 0
    assert mailbox.recipients == []
    assert one(store).last_error == "127.0.0.1: it offers no STARTTLS or sign-in"


@CERTIFICATES
def test_an_email_goes_encrypted_to_a_server_whose_certificate_is_trusted(
    store, clock, tmp_path, monkeypatch, name, trusted, arrives
):
    context = certified(name, tmp_path, monkeypatch, trusted=trusted)
    monkeypatch.setenv("CALMSCORE_ALERT_HOSTS", "example.com")
    with running_mailbox(certificate=context) as mailbox:
        monkeypatch.setenv("CALMSCORE_SMTP_HOST", "localhost")
        monkeypatch.setenv("CALMSCORE_SMTP_PORT", str(mailbox.port))
        keep(store, addresses=("ada@example.com",))
        add_escalated(store)
        assert AlertSender(store, clock=clock).send_waiting() == arrives
    assert mailbox.encrypted == [True] * arrives
    assert mailbox.recipients == ["ada@example.com"] * arrives
    if arrives:
        assert "Score 2.0, escalated" in mailbox.received[0]
        assert one(store).state == "sent"
    else:
        assert "its certificate is not trusted" in str(one(store).last_error)


# Tests, and what goes meanwhile


def test_a_test_goes_to_every_address_and_is_made_up(store, clock, hook):
    rule_id = keep(store, url=hook.url, tells_customer=True)
    with store.database.writing() as session:
        ask_for_test(session, rule_id)
    assert AlertSender(store, clock=clock).send_waiting() == 1
    told = json.loads(hook.received[0][2])
    assert (told["kind"], told["call"]["id"]) == ("test", "0" * 64)
    assert one(store).call_number is None


def test_what_is_deleted_while_it_waits_is_never_sent(store, clock, hook):
    rule_id = keep(store, url=hook.url)
    call_id = add_escalated(store)
    add_escalated(store, "other.wav")
    hook.status = 500
    sender = AlertSender(store, clock=clock)
    sender.send_waiting()
    store.delete_call(call_id, actor="Sam")
    with store.database.writing() as session:
        delete_rule(session, rule_id)
    hook.status, hook.received = 200, []
    clock.forward(hours=2)
    assert sender.send_waiting() == 0
    assert hook.received == deliveries(store) == []


def test_messages_go_after_the_days_of_the_reports(store, clock, hook):
    rule_id = keep(store, url=hook.url)
    with store.database.writing() as session:
        ask_for_test(session, rule_id)
    later = datetime.now(UTC) + timedelta(days=366)
    store.apply_retention(now=later, clock_is_right=True)
    assert deliveries(store) == []


def test_a_running_sender_sends_by_itself(store, hook, monkeypatch):
    monkeypatch.setattr("calmscore.outputs.alert_sender._LOOK_EVERY_SECONDS", 0.05)
    sender = AlertSender(store)
    sender.start()
    try:
        keep(store, url=hook.url)
        add_escalated(store)
        until(lambda: one(store).state == "sent")
    finally:
        sender.stop()
    assert len(hook.received) == 1
