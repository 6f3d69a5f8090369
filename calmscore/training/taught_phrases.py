"""Short spoken phrases whose words mislead: "no rush at all", "i'm not mad", "not helpful".

Comments on the web hold few of them, callers say them all day. None of them stands in
``benchmarks/spoken_phrases.tsv``, which measures whether the network has understood.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calmscore.training.corpora.go_emotions import EKMAN, LabelledTexts

# Frames, what fills them, and the classes that share the label.
_FRAMES: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("not {}", "it's not {}", "it isn't {} really", "that's not {} at all", "it wasn't that {}",
         "not so {} so far", "oh that's not {}"),
        ("terrible", "awful", "horrible", "the worst", "annoying", "dreadful", "a disaster",
         "a mess", "hopeless", "wrong", "painful", "unpleasant"),
        ("neutral", "joy"),
    ),
    (
        ("i'm not {}", "i am not {} at all", "no i'm not {}", "we're not {} or anything"),
        ("mad", "annoyed", "furious", "offended", "scared", "sad", "anxious", "nervous",
         "bothered", "blaming you", "hurt", "frustrated", "accusing anyone"),
        ("neutral",),
    ),
    (
        ("no {}", "no {} at all", "there's no {}", "there is really no {} here"),
        ("issue", "hesitation", "hurry", "bother", "hassle", "stress", "damage", "pain",
         "regrets", "pressure", "need"),
        ("neutral", "joy"),
    ),
    (
        ("{}", "oh {}", "{} really", "no {}"),
        ("no need to apologise", "don't be sorry", "nothing to be sorry for", "no drama",
         "it doesn't matter", "it's not the end of the world", "it's nothing serious",
         "nothing bad happened", "no hard feelings", "that makes no difference", "i don't mind"),
        ("neutral", "joy"),
    ),
    (
        ("no {}", "nope {}", "no no {}", "uh no {}"),
        ("i don't think so", "it's on the next page", "i didn't do that", "i don't have one",
         "she hasn't called", "just the one", "the second one", "it's under my wife's name",
         "not today", "we haven't had it before", "it wasn't me", "that was last week",
         "it's the old account", "i'm calling about something else", "i don't need it anymore",
         "that's my former address", "only on weekends", "it didn't say", "i never got one",
         "it isn't mine", "i can't see it here", "it does not say so"),
        ("neutral",),
    ),
    (
        ("no {}", "no no {}", "nope {}", "{} no"),
        ("that's okay", "that works", "that's everything for now", "i'm good", "i'm all set",
         "we're fine", "that's alright", "you did it right", "everything works", "keep it"),
        ("neutral", "joy"),
    ),
    (
        ("sorry {}", "i'm sorry {}", "excuse me {}", "sorry but {}", "pardon me {}"),
        ("what was that", "can you spell it", "i can't hear you very well", "which date was it",
         "one moment please", "who am i speaking to", "i have to look for my card",
         "is this the right department", "i meant the first one", "how long will it take",
         "let me get a pen", "i was on mute", "my son was asking me something",
         "i have another question", "what time is it there"),
        ("neutral",),
    ),
    (
        ("thank you but {}", "thanks but {}", "okay thanks but {}", "i appreciate that but {}",
         "that's kind but {}"),
        ("i don't need anything else", "i'll do it online", "i have one of those",
         "i will think about it", "my wife takes care of it", "i've got it written down",
         "that won't be necessary", "i found it", "it has arrived now", "i can do that myself",
         "we are done", "i'll call tomorrow", "i'm fine", "there's nothing more"),
        ("neutral", "joy"),
    ),
    (
        ("i'm not {}", "i am not {} at all", "we're not {} with it", "no i'm not {}"),
        ("impressed", "glad", "content", "thrilled", "delighted", "comfortable", "convinced",
         "a happy customer"),
        ("anger", "sadness"),
    ),
    (
        ("that's not {}", "this is not {}", "it isn't {} at all", "it's just not {}"),
        ("right", "acceptable", "helpful", "fine", "nice", "enough", "good service",
         "how you treat people", "professional"),
        ("anger",),
    ),
    (
        ("{}", "and {}", "{} and that's it"),
        ("nobody answers", "nobody listens", "no one helps me", "nobody told me anything",
         "you never answer", "nothing has been done", "nothing ever changes", "it never works",
         "i don't trust you anymore", "i don't enjoy this", "no one called", "still no answer",
         "you don't care at all", "this is the fifth time"),
        ("anger", "sadness"),
    ),
    (
        ("{}", "honestly {}", "{} really"),
        ("i could not be more grateful", "i couldn't be more pleased",
         "it couldn't have gone better", "i've never had better help", "i've never felt so welcome",
         "i can't tell you how grateful i am", "i can't say enough good things about you",
         "nobody has ever been so kind to me", "you have no idea how glad i am",
         "nothing but good things to say", "there's nothing i would change",
         "there is no better place to call", "i couldn't ask for more",
         "i couldn't have done it without you", "not a single fault it was perfect"),
        ("joy",),
    ),
)  # fmt: skip


def taught_phrases() -> LabelledTexts:
    """Return all phrases with their labels, in a fixed order."""
    texts, labels = zip(*_filled(), strict=True)
    return LabelledTexts(texts, np.array([[name in names for name in EKMAN] for names in labels]))


def _filled() -> Iterator[tuple[str, tuple[str, ...]]]:
    for frames, fillings, names in _FRAMES:
        for frame in frames:
            for filling in fillings:
                yield frame.format(filling), names


def with_taught_phrases(data: LabelledTexts, *, copies: int) -> LabelledTexts:
    """Return a corpus with so many copies of every taught phrase at its end."""
    taught = taught_phrases()
    return LabelledTexts(
        data.texts + taught.texts * copies,
        np.concatenate([data.labels, *[taught.labels] * copies]),
    )
