"""A MiniLM in miniature, of random weights, with a vocabulary of a few words."""

import numpy as np

WIDTH, FEED_FORWARD, LAYERS = 64, 96, 2
WORDS = [
    "the",
    "call",
    "was",
    "so",
    "very",
    "good",
    "bad",
    "late",
    "sorry",
    "angry",
    "happy",
    "lost",
    "my",
    "bag",
    "is",
    "not",
    "thank",
    "you",
    "but",
    "and",
]


def made_minilm(seed=0):
    generator = np.random.default_rng(seed)

    def table(*shape):
        return generator.normal(0.0, 0.15, shape).astype(np.float32)

    pieces = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces += [chr(code) for code in range(97, 123)]
    pieces += [f"##{chr(code)}" for code in range(97, 123)] + ["'", *WORDS]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    weights = {
        "embeddings.word_embeddings.weight": table(len(vocabulary), WIDTH),
        "embeddings.position_embeddings.weight": table(64, WIDTH),
        "embeddings.token_type_embeddings.weight": table(2, WIDTH),
        "embeddings.LayerNorm.weight": 1.0 + table(WIDTH),
        "embeddings.LayerNorm.bias": table(WIDTH),
    }
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        for name, shape in (
            ("attention.self.query", (WIDTH, WIDTH)),
            ("attention.self.key", (WIDTH, WIDTH)),
            ("attention.self.value", (WIDTH, WIDTH)),
            ("attention.output.dense", (WIDTH, WIDTH)),
            ("intermediate.dense", (FEED_FORWARD, WIDTH)),
            ("output.dense", (WIDTH, FEED_FORWARD)),
        ):
            weights[f"{prefix}{name}.weight"] = table(*shape)
            weights[f"{prefix}{name}.bias"] = table(shape[0])
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            weights[f"{prefix}{name}.weight"] = 1.0 + table(WIDTH)
            weights[f"{prefix}{name}.bias"] = table(WIDTH)
    return weights, _tokenizer(vocabulary)


def _tokenizer(vocabulary):
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    sides = [{"SpecialToken": {"id": name, "type_id": 0}} for name in ("[CLS]", "[SEP]")]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": vocabulary[name], "content": name, "special": True, **flags} for name in special
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [sides[0], {"Sequence": {"id": "A", "type_id": 0}}, sides[1]],
            "pair": [sides[0], {"Sequence": {"id": "A", "type_id": 0}}, sides[1]],
            "special_tokens": {
                name: {"id": name, "ids": [vocabulary[name]], "tokens": [name]}
                for name in ("[CLS]", "[SEP]")
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    }
