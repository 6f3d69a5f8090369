"""File names, folders and tables of the five corpora."""

from __future__ import annotations

import itertools
import logging
import tarfile
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from calmscore.emotions import BY_NAME, EMOTIONS
from calmscore.errors import CorpusError, ParameterError
from calmscore.training.corpora import crema_d, emodb, ravdess, savee, tess
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.reading import (
    PARSERS,
    balance_classes,
    group_folds,
    read_corpus,
    split_by_speaker,
)

SHARED = Path(__file__).resolve().parents[3] / "shared"

# corpus, name, speaker, emotion, the corpus's word, valence, intensity, sex
OFFICIAL_NAMES = [
    ("crema-d", "1001_DFA_ANG_XX", "1001", "anger", "anger", "negative", None, None),
    ("crema-d", "1091_IEO_DIS_LO", "1091", "disgust", "disgust", "negative", "low", None),
    ("crema-d", "1040_IEO_FEA_MD", "1040", "fear", "fear", "negative", "medium", None),
    ("crema-d", "1040_IEO_HAP_HI", "1040", "happy", "happy", "positive", "high", None),
    ("crema-d", "1040_WSI_NEU_XX", "1040", "neutral", "neutral", "neutral", None, None),
    ("crema-d", "1040_ITH_SAD_X", "1040", "sad", "sad", "negative", None, None),
    ("ravdess", "03-01-01-01-01-01-03", "03", "neutral", "neutral", "neutral", "normal", "male"),
    ("ravdess", "03-01-02-02-01-02-04", "04", "neutral", "calm", "neutral", "strong", "female"),
    ("ravdess", "03-01-03-01-02-01-24", "24", "happy", "happy", "positive", "normal", "female"),
    ("ravdess", "03-01-04-01-01-01-11", "11", "sad", "sad", "negative", "normal", "male"),
    ("ravdess", "03-01-05-02-01-01-03", "03", "anger", "angry", "negative", "strong", "male"),
    ("ravdess", "03-01-06-01-01-01-20", "20", "fear", "fearful", "negative", "normal", "female"),
    ("ravdess", "03-01-07-01-02-02-01", "01", "disgust", "disgust", "negative", "normal", "male"),
    ("ravdess", "03-01-08-01-01-01-03", "03", None, "surprised", "positive", "normal", "male"),
    ("emodb", "08b09Wa", "08", "anger", "anger", "negative", None, "female"),
    ("emodb", "03a01Fa", "03", "happy", "happiness", "positive", None, "male"),
    ("emodb", "16a04Lc", "16", None, "boredom", "negative", None, "female"),
    ("emodb", "09a05Ea", "09", "disgust", "disgust", "negative", None, "female"),
    ("emodb", "11a02Ac", "11", "fear", "fear", "negative", None, "male"),
    ("emodb", "15b10Ta", "15", "sad", "sadness", "negative", None, "male"),
    ("emodb", "13b01Nb", "13", "neutral", "neutral", "neutral", None, "female"),
    ("tess", "OAF_back_fear", "OAF", "fear", "fear", "negative", None, "female"),
    ("tess", "YAF_dog_angry", "YAF", "anger", "angry", "negative", None, "female"),
    ("tess", "YAF_food_ps", "YAF", None, "pleasant surprise", "positive", None, "female"),
    ("tess", "OA_bite_neutral", "OAF", "neutral", "neutral", "neutral", None, "female"),
    ("savee", "DC_a01", "DC", "anger", "anger", "negative", None, "male"),
    ("savee", "KL_n30", "KL", "neutral", "neutral", "neutral", None, "male"),
    ("savee", "JE_sa07", "JE", "sad", "sadness", "negative", None, "male"),
    ("savee", "JK_su15", "JK", None, "surprise", "positive", None, "male"),
    ("savee", "JK/h02", "JK", "happy", "happiness", "positive", None, "male"),
]

MALFORMED_NAMES = [
    ("crema-d", "1001_DFA_ANG"),
    ("crema-d", "1001_DFA_JOY_XX"),
    ("crema-d", "1001_ABC_ANG_XX"),
    ("crema-d", "1001_DFA_ANG_XX_copy"),
    ("crema-d", "101_DFA_ANG_XX"),
    ("crema-d", "._1001_DFA_ANG_XX"),
    ("crema-d", ""),
    ("ravdess", "03-01-09-01-01-01-03"),
    ("ravdess", "03-01-01-01-01-01-25"),
    ("ravdess", "03-01-01-01-01-01-00"),
    ("ravdess", "03-01-05-02-01-01"),
    ("emodb", "08b09Xa"),
    ("emodb", "04b09Wa"),
    ("emodb", "08b09wa"),
    ("tess", "OAF_back_surprise"),
    ("tess", "MAF_back_fear"),
    ("savee", "XX_a01"),
    ("savee", "a01"),
    ("savee", "elsewhere/a01"),
    ("savee", "DC_a1"),
]

needs_shared_clips = pytest.mark.skipif(
    not (SHARED / "crema-d" / "actors").is_dir(), reason="no copy of the corpora beside the project"
)


def write_files(folder: Path, *names: str) -> Path:
    """Make empty files: reading a corpus looks at names alone."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def crema_d_clips(*, speakers: int = 6, sad: int = 3) -> list[Clip]:
    """Make clips: three angry and ``sad`` sad ones a speaker."""
    sentences = list(crema_d.SENTENCES)
    counts = {"ANG": 3, "SAD": sad}
    return [
        crema_d.parse_name(f"{1001 + speaker}_{sentences[i]}_{code}_XX")
        for speaker in range(speakers)
        for code, count in counts.items()
        for i in range(count)
    ]


@pytest.mark.parametrize(
    ("corpus", "name", "speaker", "emotion", "word", "valence", "intensity", "sex"), OFFICIAL_NAMES
)
def test_official_names_are_read(
    corpus: str,
    name: str,
    speaker: str,
    emotion: str | None,
    word: str,
    valence: str,
    intensity: str | None,
    sex: str | None,
) -> None:
    clip = PARSERS[corpus](f"folder/{name}.wav")
    assert clip.path == Path(f"folder/{name}.wav")
    assert (clip.corpus, clip.speaker, clip.speaker_id) == (corpus, f"{corpus}/{speaker}", speaker)
    assert (clip.emotion, clip.original_emotion, clip.valence) == (emotion, word, valence)
    assert (clip.intensity, clip.sex) == (intensity, sex)
    assert clip.name == Path(name).name


@pytest.mark.parametrize("name", [row[1] for row in OFFICIAL_NAMES])
def test_no_name_fits_two_corpora(name: str) -> None:
    fitting = []
    for corpus, parse_name in PARSERS.items():
        try:
            fitting.append(parse_name(name).corpus)
        except CorpusError:
            continue
        assert fitting[-1] == corpus
    assert len(fitting) == 1


@pytest.mark.parametrize(("corpus", "name"), MALFORMED_NAMES)
def test_malformed_names_are_refused_by_name(corpus: str, name: str) -> None:
    with pytest.raises(CorpusError) as caught:
        PARSERS[corpus](name)
    assert Path(name).name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("01-01-05-02-01-01-03", "video"),
        ("02-01-05-02-01-01-03", "video"),
        ("03-02-05-02-01-01-03", "song"),
    ],
)
def test_only_the_spoken_audio_of_ravdess_is_read(name: str, kind: str) -> None:
    with pytest.raises(CorpusError, match=f"{name}.*{kind}"):
        ravdess.parse_name(name)


def test_the_valence_of_the_six_is_that_of_the_vocabulary() -> None:
    clips = [PARSERS[row[0]](row[1]) for row in OFFICIAL_NAMES]
    labelled = [clip for clip in clips if clip.emotion is not None]
    assert {clip.emotion for clip in labelled} == set(EMOTIONS)
    assert all(clip.valence == BY_NAME[str(clip.emotion)].valence for clip in labelled)


@pytest.mark.parametrize(
    ("clip", "sentence"),
    [
        (crema_d.parse_name("1001_IEO_ANG_XX"), "It's eleven o'clock"),
        (ravdess.parse_name("03-01-05-02-02-01-03"), "Dogs are sitting by the door"),
        (emodb.parse_name("08a02Wa"), "Das will sie am Mittwoch abgeben"),
        (tess.parse_name("OAF_back_fear"), "Say the word back"),
        (savee.parse_name("DC_a01"), None),
    ],
)
def test_the_sentence_is_told_where_the_name_tells_it(clip: Clip, sentence: str | None) -> None:
    assert clip.sentence == sentence


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1076_MTI_SAD_XX", False),
        ("1006_TIE_NEU_XX", False),
        ("1006_TIE_HAP_XX", True),
        ("1013_WSI_DIS_XX", False),
        ("1013_WSI_SAD_XX", True),
        ("1017_IWW_FEA_XX", False),
        ("1017_IWW_ANG_XX", True),
        ("1001_DFA_ANG_XX", True),
    ],
)
def test_silent_and_doubly_labelled_clips_are_not_usable(name: str, expected: bool) -> None:
    assert crema_d.usable(crema_d.parse_name(name)) is expected


def test_clips_of_other_corpora_are_usable() -> None:
    assert crema_d.usable(tess.parse_name("OAF_back_fear"))


@pytest.mark.parametrize(
    ("corpus", "names"),
    [
        ("crema-d", ["1001_DFA_ANG_XX.wav", "1001_DFA_SAD_XX.flac", "sub/1002_DFA_SAD_XX.opus"]),
        ("ravdess", ["Actor_03/03-01-05-02-01-01-03.wav", "Actor_04/03-01-01-01-01-01-04.ogg"]),
        ("emodb", ["wav/08b09Wa.wav", "wav/03a01Fa.wav"]),
        ("tess", ["OAF_Fear/OAF_back_fear.wav", "YAF_pleasant_surprised/YAF_food_ps.WAV"]),
        ("savee", ["DC/a01.wav", "JE/a01.wav"]),
        ("savee", ["DC_a01.mp3", "JE_a01.wav"]),
    ],
)
def test_the_corpus_is_told_from_the_names(tmp_path: Path, corpus: str, names: list[str]) -> None:
    clips = read_corpus(write_files(tmp_path, *names))
    assert [clip.path for clip in clips] == sorted(tmp_path / name for name in names)
    assert {clip.corpus for clip in clips} == {corpus}


def test_foreign_files_are_skipped_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_files(
        tmp_path, "1001_DFA_ANG_XX.wav", "1001_DFA_SAD_XX.wav", "OAF_back_fear.wav", "notes.txt"
    )
    with caplog.at_level(logging.WARNING):
        clips = read_corpus(tmp_path)
    assert [clip.name for clip in clips] == ["1001_DFA_ANG_XX", "1001_DFA_SAD_XX"]
    assert "1 of 3 sound files skipped" in caplog.text
    assert "OAF_back_fear.wav" in caplog.text


def test_a_folder_without_foreign_files_is_read_quietly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_corpus(write_files(tmp_path, "1001_DFA_ANG_XX.wav", "README.md"))
    assert not caplog.records


def test_a_clip_that_is_there_twice_counts_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_files(tmp_path, "a/1001_DFA_ANG_XX.wav", "b/1001_DFA_ANG_XX.mp3")
    clips = read_corpus(tmp_path)
    assert [clip.path for clip in clips] == [tmp_path / "a" / "1001_DFA_ANG_XX.wav"]
    assert "there already" in caplog.text


def test_a_named_corpus_is_read_from_a_mixed_folder(tmp_path: Path) -> None:
    write_files(tmp_path, "1001_DFA_ANG_XX.wav", "OAF_back_fear.wav")
    assert [clip.name for clip in read_corpus(tmp_path, corpus="tess")] == ["OAF_back_fear"]
    with pytest.raises(CorpusError, match="crema-d and tess"):
        read_corpus(tmp_path)


@pytest.mark.parametrize(
    ("names", "corpus", "message"),
    [
        ([], None, "no sound files"),
        (["notes.txt"], None, "no sound files"),
        (["holiday.wav"], None, "holiday.wav"),
        (["OAF_back_fear.wav"], "crema-d", "OAF_back_fear.wav"),
        (["03-02-05-02-01-01-03.wav"], "ravdess", "song"),
    ],
)
def test_folders_without_clips_are_refused(
    tmp_path: Path, names: list[str], corpus: str | None, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        read_corpus(write_files(tmp_path, *names), corpus=corpus)


def test_missing_folders_and_unknown_corpora_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere"):
        read_corpus(tmp_path / "nowhere")
    with pytest.raises(ParameterError, match="iemocap"):
        read_corpus(tmp_path, corpus="iemocap")


@pytest.mark.parametrize("speakers", [("crema-d/1001", "crema-d/1003"), ["1001", "1003", "9999"]])
def test_splitting_keeps_every_clip_on_its_speakers_side(speakers: Collection[str]) -> None:
    clips = crema_d_clips(speakers=3)
    others, chosen = split_by_speaker(clips, speakers=speakers)
    assert {clip.speaker_id for clip in chosen} == {"1001", "1003"}
    assert {clip.speaker_id for clip in others} == {"1002"}
    assert sorted(others + chosen, key=clips.index) == clips


@pytest.mark.parametrize("speakers", [(), ("1099",), ("1001", "1002")])
def test_a_split_with_an_empty_side_is_refused(speakers: tuple[str, ...]) -> None:
    with pytest.raises(CorpusError, match="both sides"):
        split_by_speaker(crema_d_clips(speakers=2), speakers=speakers)


@pytest.mark.parametrize("folds", [2, 3, 4, 6])
def test_folds_share_no_speaker_and_cover_every_clip_once(folds: int) -> None:
    clips = crema_d_clips(speakers=6)
    divided = group_folds(clips, folds=folds, seed=1)
    assert len(divided) == folds
    for training, validation in divided:
        assert not {c.speaker for c in training} & {c.speaker for c in validation}
        assert len(training) + len(validation) == len(clips)
    assert Counter(itertools.chain(*(v for _, v in divided))) == Counter(clips)


def test_folds_depend_on_the_seed_alone() -> None:
    clips = crema_d_clips(speakers=12)

    def speakers(clips: list[Clip], seed: int) -> list[set[str]]:
        return [{c.speaker for c in v} for _, v in group_folds(clips, folds=3, seed=seed)]

    assert speakers(clips, 1) == speakers(clips[::-1], 1)
    assert speakers(clips, 1) != speakers(clips, 2)


@pytest.mark.parametrize("folds", [0, 1, 7])
def test_impossible_numbers_of_folds_are_refused(folds: int) -> None:
    with pytest.raises(ParameterError, match=f"folds is {folds}"):
        group_folds(crema_d_clips(speakers=6), folds=folds, seed=1)


@pytest.mark.parametrize("sad", [1, 2, 3, 8])
def test_balancing_repeats_the_rarer_emotion_evenly(sad: int) -> None:
    clips = crema_d_clips(sad=sad)
    balanced = balance_classes(clips, seed=1)
    counts = Counter(clip.emotion for clip in balanced)
    assert counts["anger"] == counts["sad"] == 6 * max(3, sad)
    assert balanced[: len(clips)] == clips
    for emotion in counts:
        times = Counter(c for c in balanced if c.emotion == emotion).values()
        assert max(times) - min(times) <= 1
    assert balanced == balance_classes(clips, seed=1)


def test_balancing_leaves_out_clips_without_one_of_the_six() -> None:
    clips = [tess.parse_name("YAF_food_ps"), tess.parse_name("YAF_food_sad")]
    assert balance_classes(clips, seed=1) == clips[1:]
    assert balance_classes([], seed=1) == []


def test_votes_are_shares_of_those_who_heard_the_voice_alone(tmp_path: Path) -> None:
    table = tmp_path / "tabulatedVotes.csv"
    table.write_text(
        ",A,D,F,H,N,S,fileName,numResponses\n"
        "100002,0,0,0,3,6,1,1001_IEO_HAP_LO,10\n"
        "100001,2,1,1,0,0,0,1001_IEO_ANG_LO,4\n"
        "100003,0,0,0,0,0,0,1001_IEO_SAD_LO,0\n"
        "200002,0,0,0,9,0,0,1001_IEO_HAP_LO,9\n"
        "300002,0,0,0,9,0,0,1001_IEO_HAP_LO,9\n",
        encoding="utf-8",
    )
    votes = crema_d.read_listener_votes(table)
    assert list(votes.columns) == list(EMOTIONS)
    assert list(votes.index) == ["1001_IEO_ANG_LO", "1001_IEO_HAP_LO"]
    assert votes.loc["1001_IEO_HAP_LO"].tolist() == pytest.approx([0, 0, 0, 0.3, 0.6, 0.1])
    assert votes.loc["1001_IEO_ANG_LO"].tolist() == pytest.approx([0.5, 0.25, 0.25, 0, 0, 0])


def test_demographics_are_indexed_by_speaker_with_an_age_band(tmp_path: Path) -> None:
    table = tmp_path / "VideoDemographics.csv"
    table.write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n'
        '1001,51,"Male","Caucasian","Not Hispanic"\n'
        '1077,20,"Female","Asian","Hispanic"\n'
        '1085,39,"Male","Asian","Not Hispanic"\n',
        encoding="utf-8",
    )
    people = crema_d.read_demographics(table)
    assert list(people.columns) == ["age", "sex", "race", "ethnicity", "age_band"]
    assert people.loc["1001"].tolist() == [51, "male", "Caucasian", "Not Hispanic", "50–59"]
    assert people["age_band"].tolist() == ["50–59", "20–29", "30–39"]


@pytest.mark.parametrize("read", [crema_d.read_listener_votes, crema_d.read_demographics])
@pytest.mark.parametrize("content", [None, "", "a,b\n1,2\n", "\xff\xfe\x00"])
def test_other_tables_are_refused_by_name(
    tmp_path: Path, read: Callable[[Path], object], content: str | None
) -> None:
    table = tmp_path / "table.csv"
    if content is not None:
        table.write_bytes(content.encode("latin-1"))
    with pytest.raises(CorpusError, match=r"table\.csv"):
        read(table)


def test_votes_without_voice_ratings_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text(",A,D,F,H,N,S,fileName\n200001,1,0,0,0,0,0,1001_IEO_ANG_LO\n")
    with pytest.raises(CorpusError, match="voice alone"):
        crema_d.read_listener_votes(table)


@needs_shared_clips
@pytest.mark.parametrize(
    ("corpus", "archives", "clips"),
    [
        ("crema-d", "crema-d/actors/*.tar", 5884),
        ("ravdess", "other-corpora/ravdess.tar", 120),
        ("tess", "other-corpora/tess.tar", 84),
        ("emodb", "other-corpora/emodb.tar", 72),
        ("savee", "other-corpora/savee.tar", 72),
    ],
)
def test_every_real_clip_is_read(corpus: str, archives: str, clips: int) -> None:
    names = []
    for archive in sorted(SHARED.glob(archives)):
        with tarfile.open(archive) as members:
            names += members.getnames()
    parsed = [PARSERS[corpus](name) for name in names]
    assert len({(clip.speaker, clip.name) for clip in parsed}) == clips


@needs_shared_clips
def test_the_real_tables_are_read() -> None:
    votes = crema_d.read_listener_votes(SHARED / "crema-d" / "tabulatedVotes.csv")
    assert votes.shape == (5884, 6)
    assert votes.sum(axis=1).to_numpy() == pytest.approx(1.0)
    people = crema_d.read_demographics(SHARED / "crema-d" / "VideoDemographics.csv")
    assert set(people.index) == {name[:4] for name in votes.index}
    assert set(crema_d.VALIDATION_SPEAKERS) < set(people.index)
    assert set(people["sex"]) == {"female", "male"}
