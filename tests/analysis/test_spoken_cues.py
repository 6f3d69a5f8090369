"""Who speaks like an agent, and who like a customer."""

from __future__ import annotations

import pytest

from calmscore.analysis.spoken_cues import Said, agent_signs

FIRST, SECOND = 0, 1

AGENTS = [
    "Thank you for calling Acme, my name is Ann. How can I help you?",
    "You're through to Ben at Acme. This call is recorded.",
    "Good morning, welcome to Acme, you're speaking with Cleo.",
    "Can you confirm your postcode for me? Let me just check that.",
    "Is there anything else I can help you with today?",
    "Thanks for holding. I'm sorry to hear that, I understand how you feel.",
    "Good afternoon, this is Dan calling from Acme. Am I speaking with Mrs. Bell?",
]
CUSTOMERS = [
    "Hi, I'm calling because my order has not come.",
    "I'd like to cancel my subscription, please.",
    "I've been waiting for three weeks and nobody calls me back.",
    "I want to speak to your supervisor.",
    "Yes, my parcel never came. Do you have a tracking number?",
]
NOBODYS = ["Yes.", "Okay, great.", "It was on Tuesday at ten.", "Bye bye, have a nice day.", ""]


@pytest.mark.parametrize("text", AGENTS)
def test_agents_greet_ask_offer_and_look_up(text):
    signs = agent_signs([Said(place=FIRST, text=text), Said(place=SECOND, text="Okay.")], 2)
    assert signs[FIRST] - signs[SECOND] > 2.0


@pytest.mark.parametrize("text", CUSTOMERS)
def test_customers_say_why_they_call_and_what_went_wrong(text):
    signs = agent_signs([Said(place=SECOND, text=text), Said(place=FIRST, text="Okay.")], 2)
    assert signs[SECOND] - signs[FIRST] < -0.7


@pytest.mark.parametrize("text", NOBODYS)
def test_what_anybody_says_tells_nothing(text):
    said = [Said(place=FIRST, text=text), Said(place=SECOND, text=text)]
    assert agent_signs(said, 2).tolist() == [0.0, 0.0]
    assert agent_signs([], 2).tolist() == [0.0, 0.0]


def test_a_greeting_counts_where_it_opens_and_never_for_a_call_back():
    greeting = Said(place=FIRST, text="Thank you for calling Acme.")
    others = [Said(place=FIRST, text="Yes.") for _ in range(3)]
    assert agent_signs([greeting, *others], 2)[FIRST] == pytest.approx(3.0)
    assert agent_signs([*others, greeting], 2)[FIRST] == 0.0
    back = Said(place=FIRST, text="Thank you for calling me back.")
    assert agent_signs([back], 2)[FIRST] == 0.0


def test_saying_it_again_makes_it_little_surer_and_nothing_is_certain():
    offer = "How can I help you? "
    once, often = (agent_signs([Said(place=0, text=offer * n)], 2)[0] for n in (1, 30))
    assert often - once < 1.0
    all_of_it = [Said(place=0, text=text) for text in AGENTS * 5]
    assert agent_signs(all_of_it, 2)[0] == 6.0


def test_case_and_punctuation_do_not_matter():
    plain, written = "how can i help you", "HOW can I help you!"
    signs = [agent_signs([Said(place=0, text=text)], 2)[0] for text in (plain, written)]
    assert signs[0] == signs[1] > 2.0
