"""Weft's VST3 bundle in minihost, a host made with JUCE as many DAWs' hosts are."""

import os
from pathlib import Path

import minihost
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = Path(os.environ.get("WEFT_BUNDLES", ROOT / "target" / "bundled"))
BUNDLE = BUNDLES / "Weft.vst3"
RATE = 48_000.0
BLOCK = 512
TEMPO = 120.0

# Nothing at all. minihost calls a state refused if the plugin's own does not change by it.
BLANK = b'Patch(format: 1, name: "Blank", modules: {}, cables: [])'

# Class ids as the bundle's factory tells them.
CLASS_IDS = {"Weft": b"WeftSynthesizer1", "Weft FX": b"WeftEffectFx0001"}


def juce_id(class_id: bytes) -> int:
    """JUCE's 32-bit name of a VST3 class: a string hash over the bytes, which are signed."""
    value = 0
    for byte in class_id:
        value = (31 * value + (byte if byte < 128 else byte - 256)) & 0xFFFFFFFF
    return value


class Instance:
    """One plugin of the bundle, and the beat it has come to."""

    def __init__(self, name="Weft", rate=RATE, block=BLOCK):
        self.name = name
        self.block = block
        self.frame = 0
        if name == "Weft":
            # JUCE takes the sidechain, the only input there is, for the main one.
            self.plugin = minihost.Plugin(str(BUNDLE), rate, block, 2, 2)
        else:
            # minihost opens the first class of a bundle by path, and any class by description.
            uid = f"{juce_id(CLASS_IDS[name]):x}"
            self.plugin = minihost.Plugin.from_descriptor(
                f'<PLUGIN name="{name}" format="VST3" category="Fx" manufacturer="Weft" '
                f'version="" file="{BUNDLE}" uniqueId="{uid}" uid="{uid}" isInstrument="0" '
                f'fileTime="0" infoUpdateTime="0" numInputs="2" numOutputs="2" isShell="0"/>',
                rate,
                block,
                2,
                2,
            )

    def load(self, text: str, folder: Path):
        """Loads a patch by way of a preset file, as a person would."""
        for state in (BLANK, text.encode()):
            self.load_bytes(state, folder)
        return self

    def load_bytes(self, state: bytes, folder: Path):
        """Loads any bytes as a state."""
        preset = folder / "patch.vstpreset"
        minihost.write_vstpreset(preset, CLASS_IDS[self.name].hex().upper(), state)
        minihost.load_vstpreset(preset, self.plugin)

    def saved(self, folder: Path) -> str:
        """The patch in the plugin's state."""
        preset = folder / "saved.vstpreset"
        minihost.save_vstpreset(preset, self.plugin, CLASS_IDS[self.name].hex().upper())
        return minihost.read_vstpreset(preset).component_state.decode()

    def play(self, frames, midi=(), moves=(), sound=None, blocks=None):
        """Plays and returns the sound, channels by frames.

        `midi` holds (frame, status, data, data), `moves` (frame, parameter, value), both sorted.
        `blocks` are the sizes to cut into, over and over.
        """
        channels = self.plugin.num_input_channels
        if sound is None:
            sound = np.zeros((channels, frames), np.float32)
        output = np.zeros((2, frames), np.float32)
        sizes = list(blocks or [self.block])
        start, turn = 0, 0
        while start < frames:
            count = min(sizes[turn % len(sizes)], frames - start)
            turn += 1
            end = start + count
            part = np.zeros((2, count), np.float32)
            self.plugin.set_transport(
                TEMPO,
                position_samples=self.frame,
                position_beats=self.frame / self.plugin.sample_rate * TEMPO / 60,
            )
            self.frame += count
            self.plugin.process_auto(
                np.ascontiguousarray(sound[:, start:end]),
                part,
                [(at - start, *message) for at, *message in midi if start <= at < end],
                [(at - start, *move) for at, *move in moves if start <= at < end],
            )
            output[:, start:end] = part
            start = end
        assert np.isfinite(output).all()
        return output


@pytest.fixture
def weft():
    return Instance


@pytest.fixture(scope="session", autouse=True)
def bundle_is_built():
    assert BUNDLE.is_dir(), f"{BUNDLE} is missing; `cargo xtask bundle` builds it"
