"""The VST3 bundle as built, in a JUCE host: what a person does with a plugin in a DAW."""

from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PATCHES = sorted((ROOT / "assets" / "patches").glob("*.ron"))
BLOCK = 512
# Patches that play without sound coming in.
INSTRUMENTS = [path for path in PATCHES if '"audio-in"' not in path.read_text()]
EFFECTS = [path for path in PATCHES if path not in INSTRUMENTS]

SUBTRACTIVE = """
Patch(format: 1, name: "Subtractive",
  modules: {
    "notes":  (type: "notes"),
    "osc":    (type: "saw"),
    "filter": (type: "svf", params: {"cutoff": 800.0, "resonance": 0.4}),
    "env":    (type: "adsr"), "vca": (type: "vca"), "out": (type: "audio-out"),
  },
  cables: [
    "notes.pitch -> osc.pitch", "osc.out -> filter.in", "notes.gate -> env.gate",
    "filter.low -> vca.in", "env.out -> vca.level", "vca.out -> out.left", "vca.out -> out.right",
  ],
  slots: {1: "filter.cutoff", 2: "filter.resonance", 5: "env.attack"},
)
"""

DRONE = """
Patch(format: 1, name: "Drone",
  modules: {
    "osc": (type: "saw"), "filter": (type: "svf"), "out": (type: "audio-out"),
  },
  cables: ["osc.out -> filter.in", "filter.low -> out.left", "filter.low -> out.right"],
  slots: {1: "filter.cutoff"},
)
"""

SIDECHAIN = """
Patch(format: 1, name: "Sidechain",
  modules: {"in": (type: "audio-in"), "out": (type: "audio-out")},
  cables: ["in.side-left -> out.left", "in.side-right -> out.right"],
)
"""

NOTE = [(100, 0x90, 60, 100), (12_000, 0x80, 60, 0)]


def peak(sound):
    return float(np.abs(sound).max(initial=0.0))


def first_difference(one, other):
    different = np.flatnonzero((one != other).any(axis=0))
    return int(different[0]) if different.size else None


def test_both_plugins_open_with_their_buses(weft):
    synth, effect = weft().plugin, weft("Weft FX").plugin
    assert (synth.num_output_channels, effect.num_output_channels) == (2, 2)
    assert effect.num_input_channels == 2
    assert synth.accepts_midi and effect.accepts_midi
    assert synth.num_params >= 1024 and effect.num_params >= 1024


def test_names_and_text_follow_the_patch(weft, tmp_path):
    plugin = weft().load(SUBTRACTIVE, tmp_path).plugin
    names = [plugin.get_param_info(slot)["name"] for slot in (0, 1, 4)]
    assert names == ["Filter Cutoff", "Filter Resonance", "Env Attack"]
    shown = plugin.param_to_text(0, plugin.get_param(0))
    assert shown.startswith("800") and "Hz" in shown
    travel = plugin.param_from_text(0, "2000 Hz")
    assert 0.0 < travel < 1.0
    back = plugin.param_to_text(0, travel)
    assert "2" in back and "Hz" in back
    assert plugin.param_from_text(0, back) == pytest.approx(travel, abs=1e-3)


def test_indices_out_of_range_are_refused(weft):
    plugin = weft().plugin
    for index in (-1, plugin.num_params, 2**31 - 1):
        with pytest.raises(Exception):
            plugin.get_param_info(index)


@pytest.mark.parametrize("frame", [0, 1, 100, 511, 512, 700])
def test_notes_become_sound_on_their_sample(weft, tmp_path, frame):
    instance = weft().load(SUBTRACTIVE, tmp_path)
    sound = instance.play(48_000, [(frame, 0x90, 60, 100), (9_600, 0x80, 60, 0)])
    first = int(np.flatnonzero(sound.any(axis=0))[0])
    # The envelope starts from nothing, and the filter holds back the very first of it.
    assert frame <= first <= frame + 4
    assert peak(sound[:, frame:9_600]) > 0.02
    assert peak(sound[:, -4_800:]) < 1e-3


@pytest.mark.parametrize("frame", [0, 1, 300, 511, 512, 777])
def test_automation_lands_on_its_sample(weft, tmp_path, frame):
    still = weft().load(DRONE, tmp_path).play(2_048)
    moved = weft().load(DRONE, tmp_path).play(2_048, moves=[(frame, 0, 0.9)])
    assert peak(still) > 0.02
    difference = first_difference(still, moved)
    # The value is smoothed from its sample on; its first step may be too small to show at once.
    assert difference is not None and frame <= difference <= frame + 2


def test_dense_automation_and_notes_do_not_overflow(weft, tmp_path):
    instance = weft().load(SUBTRACTIVE, tmp_path)
    moves = [(at, slot, (at % 97) / 97) for at in range(BLOCK) for slot in (0, 1, 4)]
    midi = [(at, 0x90, 36 + at % 60, 90) for at in range(0, BLOCK, 4)]
    assert peak(instance.play(BLOCK, midi, moves)) >= 0.0
    assert peak(instance.play(4_800)) > 0.01


@pytest.mark.parametrize("blocks", [[1], [64], [100], [512], [1, 7, 500, 3]])
def test_block_size_does_not_change_the_sound(weft, tmp_path, blocks):
    moves = [(at, 0, at / 9_000) for at in range(0, 9_000, 250)]
    whole = weft().load(SUBTRACTIVE, tmp_path).play(9_600, NOTE[:1], moves)
    cut = weft().load(SUBTRACTIVE, tmp_path).play(9_600, NOTE[:1], moves, blocks=blocks)
    assert peak(whole) > 0.02
    assert np.array_equal(whole, cut)


def test_a_block_of_no_frames_is_harmless(weft, tmp_path):
    instance = weft().load(SUBTRACTIVE, tmp_path)
    nothing = np.zeros((instance.plugin.num_input_channels, 0), np.float32)
    instance.plugin.process_auto(nothing, np.zeros((2, 0), np.float32), [], [])
    assert peak(instance.play(4_800, NOTE[:1])) > 0.02


@pytest.mark.parametrize("rate", [8_000.0, 22_050.0, 44_100.0, 96_000.0, 192_000.0, 384_000.0])
def test_a_changed_rate_keeps_the_pitch(weft, tmp_path, rate):
    instance = weft().load(SUBTRACTIVE, tmp_path)
    instance.play(512, NOTE[:1])
    instance.plugin.sample_rate = rate
    assert instance.plugin.sample_rate == rate
    sound = instance.play(int(rate), [(0, 0x90, 69, 100)])[0]
    half = sound[sound.size // 2 :]
    spectrum = np.abs(np.fft.rfft(half * np.hanning(half.size)))
    # The filter may lift an overtone above the fundamental, so the lowest strong partial counts.
    lowest = np.flatnonzero(spectrum > spectrum.max() / 10)[0]
    assert np.fft.rfftfreq(half.size, 1 / rate)[lowest] == pytest.approx(440.0, abs=4.0)


def test_state_in_a_fresh_instance_sounds_the_same(weft, tmp_path):
    first = weft().load(SUBTRACTIVE, tmp_path)
    first.play(512, moves=[(10, 0, 0.43), (20, 1, 0.7), (30, 4, 0.2)])
    state = first.plugin.get_state()
    text = first.saved(tmp_path)
    assert text.startswith("Patch(") and "Subtractive" in text

    second, third = weft(), weft()
    second.plugin.set_state(state)
    third.plugin.set_state(state)
    for slot in (0, 1, 4):
        info, again = first.plugin.get_param_info(slot), second.plugin.get_param_info(slot)
        assert info["name"] == again["name"]
        assert second.plugin.get_param(slot) == pytest.approx(
            first.plugin.get_param(slot), abs=1e-6
        )
    assert second.saved(tmp_path) == text
    one, two = second.play(24_000, NOTE), third.play(24_000, NOTE)
    assert peak(one) > 0.02
    assert np.array_equal(one, two)


@pytest.mark.parametrize(
    "state",
    [b"", b"\x00\xff\xfe garbage", SUBTRACTIVE[:200].encode(), b"Patch(format: 1, modules: 7)"],
)
def test_a_damaged_state_leaves_what_plays(weft, tmp_path, state):
    instance = weft().load(SUBTRACTIVE, tmp_path)
    try:
        instance.load_bytes(state, tmp_path)
    except (RuntimeError, ValueError):
        pass
    assert instance.plugin.get_param_info(0)["name"] == "Filter Cutoff"
    assert peak(instance.play(9_600, NOTE)) > 0.02


def test_the_sidechain_does_not_leak(weft, tmp_path):
    noise = np.random.default_rng(1).uniform(-1, 1, (2, 9_600)).astype(np.float32)
    alone = weft().load(SUBTRACTIVE, tmp_path).play(9_600, NOTE)
    beside = weft().load(SUBTRACTIVE, tmp_path).play(9_600, NOTE, sound=noise)
    assert peak(alone) > 0.02
    assert np.array_equal(alone, beside)


def test_a_patch_that_listens_hears_the_sidechain(weft, tmp_path):
    instance = weft().load(SIDECHAIN, tmp_path)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 9_600)).astype(np.float32)
    assert peak(instance.play(9_600)) == 0.0
    assert peak(instance.play(9_600, sound=noise)) > 0.1


def test_the_effect_hears_its_track(weft):
    instance = weft("Weft FX")
    assert peak(instance.play(4_800)) == 0.0
    tone = 0.5 * np.sin(np.arange(24_000) * 2 * np.pi * 220 / 48_000)
    sound = instance.play(24_000, sound=np.stack([tone, tone]).astype(np.float32))
    assert peak(sound) > 0.05


@pytest.mark.parametrize("path", INSTRUMENTS, ids=lambda path: path.stem)
def test_factory_instruments_play(weft, tmp_path, path):
    instance = weft().load(path.read_text(), tmp_path)
    sound = instance.play(96_000, [(0, 0x90, 48, 100), (0, 0x90, 55, 90), (60_000, 0x80, 48, 0)])
    assert 0.02 < peak(sound) <= 4.0


@pytest.mark.parametrize("path", EFFECTS, ids=lambda path: path.stem)
def test_factory_effects_play(weft, tmp_path, path):
    instance = weft("Weft FX").load(path.read_text(), tmp_path)
    noise = np.random.default_rng(2).uniform(-0.3, 0.3, (2, 24_000)).astype(np.float32)
    assert 0.02 < peak(instance.play(24_000, sound=noise)) <= 4.0
