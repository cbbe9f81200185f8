"""Small decoders and their tokenizers, built offline and saved as ordinary transformers folders.

A preset is a Llama architecture of 0.1 to 5 million parameters over characters or bytes: enough to learn a procedural
task from scratch on a CPU, and loadable by anything that loads a transformers folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rlvr_gym.verifiers import ConfigError, UnknownNameError
from rlvr_gym.verifiers.errors import suggestion
from safetensors import SafetensorError
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PAD, EOS, UNKNOWN = "<pad>", "<eos>", "<unk>"
PRINTABLE = "".join(chr(code) for code in range(32, 127)) + "\n"
_INIT_STD = 0.02
# What transformers raises over a damaged folder: whatever its readers stumble upon.
_UNREADABLE = (OSError, ValueError, TypeError, AttributeError, KeyError, RuntimeError, SafetensorError)


@dataclass(frozen=True)
class Preset:
    """Size of a small decoder.

    Args:
        hidden: Width.
        layers: Depth.
        heads: Attention heads.
        context: Longest sequence, in tokens.
        tokenizer: `"char"` or `"byte"`.
    """

    hidden: int
    layers: int
    heads: int
    context: int = 512
    tokenizer: str = "char"


PRESETS: dict[str, Preset] = {
    "pico": Preset(hidden=64, layers=2, heads=4, context=128),
    "nano": Preset(hidden=64, layers=4, heads=4),
    "micro": Preset(hidden=128, layers=3, heads=4),
    "mini": Preset(hidden=256, layers=4, heads=8, tokenizer="byte"),
}


@dataclass(frozen=True)
class LanguageModel:
    """A causal model and its tokenizer."""

    model: Any
    tokenizer: Any

    def save(self, folder: str | Path) -> None:
        """Write an ordinary transformers folder (weights as safetensors)."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def char_tokenizer(alphabet: str = PRINTABLE) -> Any:
    """One token a character; characters outside the alphabet become `<unk>`.

    Args:
        alphabet: The characters, each once.

    Raises:
        ConfigError: The alphabet is empty or repeats a character.

    Example:
        >>> tokenizer = char_tokenizer("0123456789+=")
        >>> tokenizer.decode(tokenizer("12+3=")["input_ids"])
        '12+3='
    """
    if not alphabet or len(set(alphabet)) != len(alphabet):
        raise ConfigError(f"the alphabet must hold each character once, got {alphabet!r}")
    vocabulary = {token: i for i, token in enumerate([PAD, EOS, UNKNOWN, *alphabet])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return _wrapped(tokenizer)


def byte_tokenizer() -> Any:
    """One token a byte of UTF-8: every text is representable.

    Example:
        >>> tokenizer = byte_tokenizer()
        >>> tokenizer.decode(tokenizer("π ≈ 3")["input_ids"])
        'π ≈ 3'
    """
    vocabulary = {token: i for i, token in enumerate([PAD, EOS, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return _wrapped(tokenizer)


def build_preset(name: str, *, seed: int = 0, alphabet: str | None = None) -> LanguageModel:
    """A freshly initialised preset.

    Args:
        name: One of `PRESETS`.
        seed: Seed of the weights; the global generator is neither read nor moved.
        alphabet: Characters of a character tokenizer; printable ASCII by default.

    Raises:
        UnknownNameError: No such preset.
        ConfigError: An alphabet for a preset over bytes.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    preset = PRESETS[name]
    if preset.tokenizer == "byte" and alphabet is not None:
        raise ConfigError(f"preset {name!r} speaks bytes and takes no alphabet")
    tokenizer = (
        byte_tokenizer() if preset.tokenizer == "byte" else char_tokenizer(PRINTABLE if alphabet is None else alphabet)
    )
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=preset.hidden,
        intermediate_size=4 * preset.hidden,
        num_hidden_layers=preset.layers,
        num_attention_heads=preset.heads,
        max_position_embeddings=preset.context,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):  # the constructor draws from the global generator
        model = LlamaForCausalLM(config)
    _initialise(model, seed)
    return LanguageModel(model.float(), tokenizer)


def load_model(folder: str | Path) -> LanguageModel:
    """Load a transformers folder, or a hub id where the hub can be reached.

    Raises:
        ConfigError: Nothing can be loaded from there.
    """
    _check_place(folder)
    try:
        model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
    except _UNREADABLE as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"no model can be loaded from {str(folder)!r}: {why}") from error
    # Weights are mapped from the file at whatever address they have there, and a matrix product of the same numbers at
    # another alignment may differ in the last bit: copies in aligned memory make a loaded model compute as a built one.
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    for name in ("is_local", "local_files_only"):  # of this load, not of the tokenizer: they would be saved with it
        tokenizer.init_kwargs.pop(name, None)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return LanguageModel(model, tokenizer)


def parameter_count(model: Any) -> int:
    """Number of distinct parameters (tied weights count once)."""
    return sum(parameter.numel() for parameter in model.parameters())


def unknown_characters(lm: LanguageModel, texts: Iterable[str]) -> str:
    """The characters of these texts that the tokenizer has no token for, sorted; empty where it reads all of them.

    Example:
        >>> unknown_characters(build_preset("nano", alphabet="0123456789"), ["1+2=", "3"])
        '+='
    """
    unknown = lm.tokenizer.unk_token_id
    if unknown is None:
        return ""
    characters = sorted(set().union(*texts))
    return "".join(c for c in characters if unknown in lm.tokenizer(c, add_special_tokens=False)["input_ids"])


def _check_place(folder: str | Path) -> None:
    """A path that cannot be a hub id is refused here, before the hub is asked for it in vain."""
    path = Path(folder)
    name = str(folder)
    hub_id = name.count("/") <= 1 and not name.startswith((".", "/", "~")) and not path.parent.is_dir()
    if not path.is_dir() and (not hub_id if "/" in name else path.exists()):
        near = [p.name for p in path.parent.iterdir() if p.is_dir()] if path.parent.is_dir() else []
        raise ConfigError(f"no model can be loaded from {name!r}: there is no such folder{suggestion(path.name, near)}")


def _wrapped(tokenizer: Tokenizer) -> Any:
    unknown = {"unk_token": UNKNOWN} if tokenizer.token_to_id(UNKNOWN) is not None else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=EOS, clean_up_tokenization_spaces=False, **unknown
    )


@torch.no_grad()
def _initialise(model: Any, seed: int) -> None:
    """Normal(0, 0.02) matrices, in the fixed order of their names; gains of norms stay 1 (Llama has no biases)."""
    generator = torch.Generator().manual_seed(seed)
    for _, parameter in sorted(model.named_parameters()):
        if parameter.ndim >= 2:
            parameter.copy_(torch.empty(parameter.shape).normal_(0.0, _INIT_STD, generator=generator))
