//! What every module of the catalog promises, tested on every module of the catalog.

use crate::CATALOG;
use crate::catalog::{Entry, Level, Width};
use crate::contract::{MAX_FRAMES, QUIET, TURN, Wanted};
use crate::instance::Health;
use crate::notes::{NoteEvent, NoteKind};
use crate::rig::Rig;
use crate::spec::{ParamKind, ParamSpec, PortKind, Silence, Voicing};

/// Random bits of a place, alike in every run: the finaliser of MurmurHash3 (Appleby).
fn hash(seed: u64, frame: u64, lane: usize) -> u32 {
    let mut h = seed ^ frame.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (lane as u64) << 48;
    h = (h ^ h >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ h >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (h ^ h >> 33) as u32
}

/// 0..1
fn random(seed: u64, frame: u64, lane: usize) -> f32 {
    hash(seed, frame, lane) as f32 / u32::MAX as f32
}

/// Random values joined by lines, `every` frames apart.
fn wander(seed: u64, every: u64, frame: u64, lane: usize) -> f32 {
    let (at, share) = (frame / every, (frame % every) as f32 / every as f32);
    random(seed, at, lane) * (1.0 - share) + random(seed, at + 1, lane) * share
}

fn param_value(spec: &ParamSpec, seed: u64, frame: u64, lane: usize) -> f32 {
    match spec.kind {
        // Only continuous params differ between voices.
        ParamKind::Float => spec.plain(wander(seed, 37, frame, lane)),
        _ => spec.plain(random(seed, frame / 61, 0)),
    }
}

fn input_value(kind: PortKind, seed: u64, frame: u64, lane: usize) -> f32 {
    match kind {
        PortKind::Audio => random(seed, frame, lane) * 2.0 - 1.0,
        PortKind::Gate => f32::from(random(seed, frame / 29, lane) > 0.5),
        PortKind::Pitch => wander(seed, 53, frame, lane) * 8.0 - 4.0,
        PortKind::Modulation => wander(seed, 11, frame, lane) * 2.0 - 1.0,
    }
}

/// Notes, pedals and wheels at random, too many for the voices there are.
fn notes(seed: u64, frames: u64) -> Vec<(u64, NoteEvent)> {
    (0..frames)
        .filter(|frame| hash(seed, *frame, 1).is_multiple_of(23))
        .map(|frame| {
            let (key, value) = (
                (hash(seed, frame, 2) % 40) as u8 + 40,
                random(seed, frame, 3),
            );
            let kind = match hash(seed, frame, 4) % 12 {
                0..4 => NoteKind::On {
                    key,
                    velocity: value.max(0.01),
                    id: -1,
                },
                4..7 => NoteKind::Off {
                    key,
                    velocity: value,
                    id: -1,
                },
                7 => NoteKind::Bend(value * 2.0 - 1.0),
                8 => NoteKind::ChannelPressure(value),
                9 => NoteKind::NotePressure { key, id: -1, value },
                10 => NoteKind::Control { number: 64, value },
                _ => NoteKind::NoteTuning {
                    key,
                    id: -1,
                    semitones: value,
                },
            };
            (
                frame,
                NoteEvent {
                    frame: 0,
                    channel: (hash(seed, frame, 5) % 3) as u8,
                    kind,
                },
            )
        })
        .collect()
}

/// What a test makes of a module's ports.
#[derive(Clone, Copy, PartialEq)]
enum Movement {
    /// Inputs move, params hold their defaults.
    Inputs,
    /// Everything moves.
    All,
}

/// Everything at random, from one seed; `other_lane` hears something else than the seed says.
fn busy(
    entry: &Entry,
    level: Level,
    width: Width,
    rate: f32,
    movement: Movement,
    other_lane: Option<usize>,
) -> Rig {
    let mut rig = Rig::with(entry.spec.id, level, width, rate);
    let seed_for = move |seed: u64, lane| {
        if other_lane == Some(lane) {
            seed + 1_000
        } else {
            seed
        }
    };
    for (index, port) in entry.spec.inputs.iter().enumerate() {
        let (kind, seed) = (port.kind, index as u64 + 10);
        rig = rig.feed(port.id, move |frame, lane| {
            input_value(kind, seed_for(seed, lane), frame, lane)
        });
    }
    for (index, param) in entry.spec.params.iter().enumerate() {
        let seed = index as u64 + 100;
        if movement == Movement::All && !param.setting {
            rig = rig.feed(param.id, move |frame, lane| {
                param_value(param, seed_for(seed, lane), frame, lane)
            });
        }
    }
    rig.notes = notes(7, 4_000);
    rig.audio_in = [0, 1, 2, 3].map(|channel| {
        (0..4_000)
            .map(|frame| random(channel + 20, frame, 0) - 0.5)
            .collect()
    });
    rig.voice_levels = std::array::from_fn(|lane| random(30, lane as u64, 0));
    rig
}

fn bits(outputs: &[Vec<f32>]) -> Vec<Vec<u32>> {
    outputs
        .iter()
        .map(|output| output.iter().map(|value| value.to_bits()).collect())
        .collect()
}

/// Every module at every width and level.
fn everywhere(mut test: impl FnMut(&'static Entry, Level, Width)) {
    for entry in CATALOG {
        for level in Level::supported() {
            for width in entry.widths() {
                test(entry, level, *width);
            }
        }
    }
}

#[test]
fn the_sound_does_not_depend_on_how_frames_are_cut() {
    everywhere(|entry, level, width| {
        for movement in [Movement::Inputs, Movement::All] {
            let run = |cuts: &[usize]| {
                bits(&busy(entry, level, width, 44_100.0, movement, None).run_cut(1_500, cuts))
            };
            let whole = run(&[MAX_FRAMES]);
            for cuts in [&[1][..], &[64, 36], &[7, 1, 50, 13, 2]] {
                assert!(
                    run(cuts) == whole,
                    "{} {} {width:?} cut {cuts:?}",
                    entry.spec.id,
                    level.name()
                );
            }
        }
    });
}

#[test]
fn one_of_a_row_sounds_as_it_does_by_itself() {
    everywhere(|entry, level, width| {
        for movement in [Movement::Inputs, Movement::All] {
            for broken in [false, true] {
                let run = |in_row, cuts: &[usize]| {
                    let mut rig = busy(entry, level, width, 48_000.0, movement, None);
                    if broken {
                        for input in entry.spec.inputs {
                            rig = rig.feed(input.id, |frame, _| match frame % 300 {
                                150..170 => f32::NAN,
                                _ => 0.5,
                            });
                        }
                    }
                    rig.in_row = in_row;
                    (bits(&rig.run_cut(600, cuts)), rig.health)
                };
                for cuts in [&[MAX_FRAMES][..], &[TURN], &[50, 1, 13, 64]] {
                    assert!(
                        run(true, cuts) == run(false, cuts),
                        "{} {} {width:?} cut {cuts:?}, broken: {broken}",
                        entry.spec.id,
                        level.name()
                    );
                }
            }
        }
    });
}

#[test]
fn a_held_buffer_sounds_like_a_constant() {
    everywhere(|entry, level, width| {
        for travel in [None, Some(0.0), Some(0.37), Some(1.0)] {
            let value = |param: &ParamSpec| {
                if param.setting {
                    param.default
                } else {
                    travel.map_or(param.default, |travel| param.plain(travel))
                }
            };
            let mut constant = busy(entry, level, width, 48_000.0, Movement::Inputs, None);
            for param in entry.spec.params {
                constant = constant.hold(param.id, value(param));
            }
            let constant = constant.run(600);
            let mut held = busy(entry, level, width, 48_000.0, Movement::Inputs, None);
            for param in entry.spec.params.iter().filter(|param| !param.setting) {
                let value = value(param);
                held = held.feed(param.id, move |_, _| value);
            }
            let held = held.run(600);
            assert!(
                bits(&constant) == bits(&held),
                "{} {} {width:?} at {travel:?}",
                entry.spec.id,
                level.name()
            );
        }
    });
}

#[test]
fn a_knob_that_all_voices_share_sounds_like_one_spread_to_them() {
    let mut taken = 0;
    everywhere(|entry, level, width| {
        let params = entry.spec.params;
        let may_share =
            |param: &usize| entry.spec.shares.checked_shr(*param as u32).unwrap_or(0) & 1 == 1;
        let shared: Vec<usize> = (0..params.len()).filter(may_share).collect();
        if width == Width::One || shared.is_empty() {
            return;
        }
        // Each alone, and all at once.
        let mut choices: Vec<Vec<usize>> = shared.iter().map(|param| vec![*param]).collect();
        choices.push(shared);
        for choice in choices {
            for movement in [Movement::Inputs, Movement::All] {
                for wanted in 0..=entry.spec.outputs.len() {
                    let run = |share: bool| {
                        let mut rig = busy(entry, level, width, 48_000.0, movement, None);
                        rig.wanted = match wanted {
                            0 => Wanted::ALL,
                            output => Wanted::of([output - 1]),
                        };
                        let mut outputs = Vec::new();
                        // Between constants, and at last one that stands still although it need not.
                        for turn in 0..6_u64 {
                            for index in &choice {
                                let (param, seed) = (&params[*index], *index as u64 + 300 + turn);
                                let value = move |frame| match turn {
                                    0..5 => param_value(param, seed, frame, 0),
                                    _ => param.default,
                                };
                                rig = match (turn % 3, share) {
                                    (1, _) => rig.hold(param.id, value(0)),
                                    (_, true) => rig.share(param.id, value),
                                    (_, false) => rig.feed(param.id, move |frame, _| value(frame)),
                                };
                            }
                            let cuts: &[usize] = match turn % 2 {
                                0 => &[64],
                                _ => &[64, 36, 7, 1, 13],
                            };
                            outputs.extend(bits(&rig.run_cut(350, cuts)));
                        }
                        outputs
                    };
                    let (apart, together) = (run(false), run(true));
                    for (index, (apart, together)) in apart.iter().zip(&together).enumerate() {
                        let output = index % entry.spec.outputs.len();
                        assert!(
                            wanted != 0 && wanted != output + 1 || apart == together,
                            "{} {} {width:?} {choice:?}, output {output} in turn {}",
                            entry.spec.id,
                            level.name(),
                            index / entry.spec.outputs.len()
                        );
                    }
                    taken += 1;
                }
            }
        }
    });
    assert!(taken > 0, "nobody takes shared params");
}

#[test]
fn what_stands_would_give_the_same_again() {
    const CALLS: u64 = 1_000;
    let (down, up) = (200, 30_000);
    everywhere(|entry, level, width| {
        if !entry.spec.holds {
            return;
        }
        let id = entry.spec.id;
        let event = |kind| NoteEvent {
            frame: 0,
            channel: 0,
            kind,
        };
        let (key, velocity, id_of_note) = (60, 0.7, -1);
        let mut rig = Rig::with(id, level, width, 48_000.0)
            .note(
                down,
                event(NoteKind::On {
                    key,
                    velocity,
                    id: id_of_note,
                }),
            )
            .note(
                up,
                event(NoteKind::Off {
                    key,
                    velocity,
                    id: id_of_note,
                }),
            );
        for input in entry.spec.inputs {
            rig = rig.feed(input.id, move |frame, _| {
                f32::from(u8::from((down..up).contains(&frame)))
            });
        }
        let (mut before, mut stood) = (Vec::new(), 0);
        for call in 0..CALLS {
            let frames = MAX_FRAMES as u64;
            let is_eventful = [down, up].iter().any(|at| at / frames == call);
            let stands = rig.stands && !is_eventful;
            let now = rig.run(MAX_FRAMES);
            if stands {
                assert!(
                    bits(&now) == bits(&before) && rig.stands,
                    "{id} {} {width:?} in call {call}",
                    level.name()
                );
                stood += 1;
            }
            before = now;
        }
        assert!(stood > CALLS / 4, "{id} {width:?} stood for {stood} calls");
    });
}

#[test]
fn lanes_do_not_hear_each_other() {
    everywhere(|entry, level, width| {
        let lanes = width.lanes();
        if lanes == 1 || entry.spec.voicing == Voicing::NoteSource {
            return;
        }
        let run =
            |other| bits(&busy(entry, level, width, 48_000.0, Movement::All, other).run(1_000));
        let (before, after) = (run(None), run(Some(3)));
        for (before, after) in before.iter().zip(&after) {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                assert!(
                    index % lanes == 3 || before == after,
                    "{} {width:?} frame {}",
                    entry.spec.id,
                    index / lanes
                );
            }
        }
    });
}

#[test]
fn a_voice_sounds_alike_alone_and_among_others() {
    for entry in CATALOG
        .iter()
        .filter(|entry| entry.spec.voicing != Voicing::NoteSource)
    {
        for level in Level::supported() {
            for &width in entry.widths().iter().filter(|width| **width != Width::One) {
                let alone =
                    busy(entry, level, Width::One, 48_000.0, Movement::All, None).run(1_000);
                let among = busy(entry, level, width, 48_000.0, Movement::All, None).run(1_000);
                let first: Vec<Vec<f32>> = among
                    .iter()
                    .map(|output| output.iter().copied().step_by(width.lanes()).collect())
                    .collect();
                assert!(
                    bits(&alone) == bits(&first),
                    "{} {} {width:?}",
                    entry.spec.id,
                    level.name()
                );
            }
        }
    }
}

/// One lane of many.
fn lane_of(outputs: &[Vec<f32>], width: Width, lane: usize) -> Vec<Vec<u32>> {
    let frames = |output: &Vec<f32>| {
        output
            .iter()
            .skip(lane)
            .step_by(width.lanes())
            .copied()
            .collect()
    };
    bits(&outputs.iter().map(frames).collect::<Vec<_>>())
}

#[test]
fn a_voice_goes_on_where_it_is_carried() {
    everywhere(|entry, level, width| {
        if width == Width::One || entry.spec.voicing != Voicing::PerVoice {
            return;
        }
        for movement in [Movement::Inputs, Movement::All] {
            let rig = |width| busy(entry, level, width, 48_000.0, movement, None);
            let cuts = &[64, 5, 31][..];
            for moment in [1, 64, 150, 300, 555, 777] {
                let name = format!("{} {} {width:?} at {moment}", entry.spec.id, level.name());
                let mut origin = rig(width);
                origin.run_cut(moment, cuts);
                // Another one of many, which has been through the same but for one lane.
                let mut many = rig(width);
                many.hears[3] = 6;
                many.run_cut(moment, cuts);
                // A lone one, which has been through something else for another time.
                let mut lone = rig(Width::One);
                lone.run_cut(moment + 50, cuts);
                lone.take_in(0, &mut origin, 5);
                many.take_in(3, &mut origin, 5);
                let went_on = origin.run_cut(400, cuts);
                let voice = lane_of(&went_on, width, 5);
                assert!(bits(&lone.run_cut(400, cuts)) == voice, "{name}, alone");
                let among = many.run_cut(400, cuts);
                assert!(lane_of(&among, width, 3) == voice, "{name}, among others");
                for lane in (0..width.lanes()).filter(|lane| *lane != 3) {
                    assert!(
                        lane_of(&among, width, lane) == lane_of(&went_on, width, lane),
                        "{name}, beside a newcomer"
                    );
                }
                // And back, after it went its own way.
                origin.run_cut(64, cuts);
                lone.hears[0] = 4;
                lone.run_cut(64, cuts);
                lone.hears[0] = 5;
                origin.take_in(5, &mut lone, 0);
                assert!(
                    lane_of(&origin.run_cut(400, cuts), width, 5) == bits(&lone.run_cut(400, cuts)),
                    "{name}, and back"
                );
            }
        }
    });
}

#[test]
fn what_nobody_reads_changes_nothing_elsewhere() {
    everywhere(|entry, level, width| {
        let outputs = entry.spec.outputs.len();
        for movement in [Movement::Inputs, Movement::All] {
            let busy = || busy(entry, level, width, 48_000.0, movement, None);
            let all = bits(&busy().run(1_000));
            for wanted in (0..outputs).filter(|_| outputs > 1) {
                let mut rig = busy();
                rig.wanted = Wanted::of([wanted]);
                let before = bits(&rig.run(500));
                // Whoever is read from now on goes on as if it always had been.
                rig.wanted = Wanted::ALL;
                let after = bits(&rig.run(500));
                let (name, width) = (entry.spec.id, width.lanes());
                for output in 0..outputs {
                    let (start, end) = all[output].split_at(500 * width);
                    assert!(
                        output != wanted || before[output] == start,
                        "{name} {} x{width} output {output}",
                        level.name()
                    );
                    assert!(
                        after[output] == end,
                        "{name} {} x{width} output {output} after {wanted} alone",
                        level.name()
                    );
                }
            }
        }
    });
}

/// Runs a module that is fed everything at first, and from a moment on nothing at these ports.
fn starved(entry: &'static Entry, level: Level, width: Width, ports: &[&str]) {
    const STARVED: u64 = 2_000;
    let mut rig = busy(entry, level, width, 8_000.0, Movement::Inputs, None);
    for (index, port) in ports.iter().enumerate() {
        rig = match entry.spec.input(port) {
            Some(input) => {
                let kind = entry.spec.inputs[input].kind;
                rig.feed(port, move |frame, lane| {
                    if frame < STARVED {
                        input_value(kind, index as u64 + 50, frame, lane)
                    } else {
                        0.0
                    }
                })
            }
            None => rig.hold(port, 0.0),
        };
    }
    rig.run(STARVED as usize + 30_000);
    for output in rig.run(500) {
        let loudest = output
            .iter()
            .fold(0.0f32, |most, value| most.max(value.abs()));
        let (name, lanes) = (entry.spec.id, width.lanes());
        assert!(
            loudest < QUIET,
            "{name} {} x{lanes} without {ports:?}: {loudest}",
            level.name()
        );
    }
}

#[test]
fn what_claims_to_fall_silent_does() {
    everywhere(|entry, level, width| match entry.spec.silence {
        Silence::Never => {}
        Silence::All(ports) => starved(entry, level, width, ports),
        Silence::Any(ports) => {
            for port in ports {
                starved(entry, level, width, &[port]);
            }
        }
    });
}

#[test]
fn what_rests_was_silent_and_stays_so() {
    const SOUND: u64 = 3_000;
    let mut resting = 0;
    for entry in CATALOG {
        if !matches!(entry.spec.voicing, Voicing::Mixdown | Voicing::HostOutput) {
            continue;
        }
        let mut rig = busy(
            entry,
            Level::detect(),
            Width::One,
            8_000.0,
            Movement::Inputs,
            None,
        );
        for port in entry.spec.inputs {
            let kind = port.kind;
            rig = rig.feed(port.id, move |frame, lane| {
                let sound = input_value(kind, 77, frame, lane);
                if frame < SOUND { sound } else { 0.0 }
            });
        }
        rig.audio_in = Default::default();
        rig.run(SOUND as usize);
        assert!(!rig.rests(), "{} while it sounds", entry.spec.id);
        let mut waited = 0;
        while !rig.rests() && waited < 3_000 {
            rig.run(640);
            waited += 1;
        }
        if waited == 3_000 {
            continue;
        }
        resting += 1;
        for output in rig.run(16_000) {
            let loudest = output
                .iter()
                .fold(0.0f32, |most, value| most.max(value.abs()));
            assert!(loudest <= QUIET, "{} rests at {loudest}", entry.spec.id);
        }
    }
    assert_eq!(resting, 4, "delay, both reverbs and the output rest");
}

#[test]
fn reset_is_like_new() {
    everywhere(|entry, level, width| {
        let mut rig = busy(entry, level, width, 48_000.0, Movement::All, None);
        let fresh = bits(&rig.run(1_000));
        rig.reset();
        assert!(
            bits(&rig.run(1_000)) == fresh,
            "{} {} {width:?}",
            entry.spec.id,
            level.name()
        );
    });
}

#[test]
fn everything_stays_finite() {
    for entry in CATALOG {
        for rate in [8_000.0, 44_100.0, 384_000.0] {
            for &width in entry.widths() {
                let mut rig = busy(entry, Level::detect(), width, rate, Movement::All, None);
                for output in rig.run(3_000) {
                    assert!(
                        output.iter().all(|value| value.is_finite()),
                        "{} at {rate}",
                        entry.spec.id
                    );
                }
                assert_eq!(rig.health, Health::FINE, "{} at {rate}", entry.spec.id);
            }
            for (travel, size) in [(0.0, 1.0), (1.0, 1.0), (0.5, 1e6), (1.0, -1e6)] {
                let mut rig = busy(
                    entry,
                    Level::detect(),
                    Width::One,
                    rate,
                    Movement::Inputs,
                    None,
                );
                for param in entry.spec.params.iter().filter(|param| !param.setting) {
                    rig = rig.hold(param.id, param.plain(travel));
                }
                for port in entry.spec.inputs {
                    rig = rig.feed(
                        port.id,
                        move |frame, _| if frame % 90 < 45 { size } else { -size },
                    );
                }
                for output in rig.run(3_000) {
                    assert!(
                        output.iter().all(|value| value.is_finite()),
                        "{} at {rate}, travel {travel}, inputs {size}",
                        entry.spec.id
                    );
                }
            }
        }
    }
}

#[test]
fn data_sheets_are_sound() {
    let well_formed = |id: &str| {
        id.starts_with(|c: char| c.is_ascii_lowercase())
            && id
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    for (index, entry) in CATALOG.iter().enumerate() {
        let spec = &entry.spec;
        assert!(well_formed(spec.id), "{}", spec.id);
        assert!(
            CATALOG[..index]
                .iter()
                .all(|other| other.spec.id != spec.id),
            "{} stands twice",
            spec.id
        );
        let inputs = spec
            .inputs
            .iter()
            .map(|port| port.id)
            .chain(spec.params.iter().map(|param| param.id));
        let outputs = spec.outputs.iter().map(|port| port.id);
        for names in [inputs.collect::<Vec<_>>(), outputs.collect()] {
            for (index, name) in names.iter().enumerate() {
                assert!(well_formed(name), "{}.{name}", spec.id);
                assert!(
                    !names[..index].contains(name),
                    "{}.{name} stands twice",
                    spec.id
                );
            }
        }
        for doc in spec
            .inputs
            .iter()
            .chain(spec.outputs)
            .map(|port| port.doc)
            .chain(spec.params.iter().map(|param| param.doc))
            .chain([spec.doc])
        {
            assert!(
                doc.ends_with('.') && !doc.contains('\n'),
                "{}: \"{doc}\" is no sentence on one line",
                spec.id
            );
        }
        for param in spec.params {
            for travel in [0.0, 0.1, 0.5, 0.9, 1.0] {
                let plain = param.plain(travel);
                assert!(
                    (param.min..=param.max).contains(&plain),
                    "{}.{}",
                    spec.id,
                    param.id
                );
                let error = (param.plain(param.normalized(plain)) - plain).abs();
                assert!(
                    error <= 1e-5 * plain.abs().max(param.max - param.min),
                    "{}.{}",
                    spec.id,
                    param.id
                );
            }
            assert_eq!(
                param.legal(param.default),
                param.default,
                "{}.{}",
                spec.id,
                param.id
            );
            if let ParamKind::Choice(names) = param.kind {
                assert_eq!(names.len(), param.max as usize + 1);
                for name in names {
                    assert_eq!(
                        *name,
                        name.to_lowercase(),
                        "{}.{}: names are lower case",
                        spec.id,
                        param.id
                    );
                }
            }
        }
    }
}
