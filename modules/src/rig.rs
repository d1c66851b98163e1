//! Runs one module of the catalog on signals that a test makes up.

use core::cell::Cell;
use core::slice::{from_mut, from_ref};

use crate::blocks::{BlockIndex, Blocks, Operand, Room, Span};
use crate::catalog::{Entry, Level, Width};
use crate::contract::{Cx, MAX_FRAMES, MAX_LANES, Setup, Transport, Wanted};
use crate::instance::Health;
use crate::notes::NoteEvent;
use crate::porter::Porter;
use crate::seat::{AnyInstance, Seat};

/// What arrives at an input or param: a held value, or a function of absolute frame and lane.
pub enum Feed {
    /// The engine's "constant": nothing moves.
    Held(f32),
    /// One value for each frame and lane, in a block.
    Moving(Box<dyn Fn(u64, usize) -> f32>),
    /// One value for each frame, which all lanes share; only for params that are taken so.
    Shared(Box<dyn Fn(u64) -> f32>),
}

/// One instance with its feeds.
pub struct Rig {
    pub entry: &'static Entry,
    pub width: Width,
    pub sample_rate: f32,
    pub transport: Transport,
    pub audio_in: [Vec<f32>; 4],
    pub voice_levels: [f32; MAX_LANES],
    /// Events on absolute frames; `NoteEvent::frame` is ignored.
    pub notes: Vec<(u64, NoteEvent)>,
    pub position: u64,
    pub health: Health,
    /// See [`crate::contract::Module::stands`]; as of the last call.
    pub stands: bool,
    pub wanted: Wanted,
    /// Whether it is run as one of a row.
    pub in_row: bool,
    /// The lane that is fed to each lane.
    pub hears: [usize; MAX_LANES],
    instance: AnyInstance,
    inputs: Vec<Feed>,
    params: Vec<Feed>,
}

impl Rig {
    /// A mono instance at 48 kHz on the best instruction set.
    pub fn new(id: &str) -> Rig {
        Rig::with(id, Level::detect(), Width::One, 48_000.0)
    }

    pub fn with(id: &str, level: Level, width: Width, sample_rate: f32) -> Rig {
        let entry = crate::find(id).unwrap_or_else(|| panic!("no module `{id}`"));
        let instance = entry.instantiate(
            level,
            width,
            &Setup {
                sample_rate,
                seed: 1,
            },
        );
        let beats_per_frame = 120.0 / 60.0 / f64::from(sample_rate);
        Rig {
            entry,
            width,
            sample_rate,
            transport: Transport {
                playing: true,
                tempo: 120.0,
                anchor_frame: 0,
                anchor_beat: 0.0,
                beats_per_frame,
            },
            audio_in: Default::default(),
            voice_levels: [0.0; MAX_LANES],
            notes: Vec::new(),
            position: 0,
            health: Health::FINE,
            stands: false,
            wanted: Wanted::ALL,
            in_row: false,
            hears: std::array::from_fn(|lane| lane),
            instance,
            inputs: entry.spec.inputs.iter().map(|_| Feed::Held(0.0)).collect(),
            params: entry
                .spec
                .params
                .iter()
                .map(|param| Feed::Held(param.default))
                .collect(),
        }
    }

    fn feed_at(&mut self, port: &str) -> &mut Feed {
        let spec = &self.entry.spec;
        if let Some(index) = spec.input(port) {
            &mut self.inputs[index]
        } else if let Some(index) = spec.param(port) {
            &mut self.params[index]
        } else {
            panic!("`{}` has no input or param `{port}`", spec.id)
        }
    }

    /// Holds an input or param at a value.
    pub fn hold(mut self, port: &str, value: f32) -> Rig {
        *self.feed_at(port) = Feed::Held(value);
        self
    }

    /// Sets a choice param by its name.
    pub fn choose(self, param: &str, name: &str) -> Rig {
        let spec = &self.entry.spec.params[self.entry.spec.param(param).expect("param")];
        let crate::ParamKind::Choice(names) = spec.kind else {
            panic!("`{param}` is no choice")
        };
        let index = names
            .iter()
            .position(|n| *n == name)
            .unwrap_or_else(|| panic!("no choice `{name}`"));
        self.hold(param, index as f32)
    }

    /// Moves an input or param with a function of absolute frame and lane.
    pub fn feed(mut self, port: &str, f: impl Fn(u64, usize) -> f32 + 'static) -> Rig {
        *self.feed_at(port) = Feed::Moving(Box::new(f));
        self
    }

    /// Moves a param that all lanes share with a function of the absolute frame.
    pub fn share(mut self, param: &str, f: impl Fn(u64) -> f32 + 'static) -> Rig {
        *self.feed_at(param) = Feed::Shared(Box::new(f));
        self
    }

    /// Adds an event on an absolute frame.
    pub fn note(mut self, frame: u64, event: NoteEvent) -> Rig {
        self.notes.push((frame, event));
        self.notes.sort_by_key(|(frame, _)| *frame);
        self
    }

    /// See [`crate::contract::Module::rests`].
    pub fn rests(&mut self) -> bool {
        self.instance.rests()
    }

    /// Has a lane of another rig go on in a lane of this one.
    pub fn take_in(&mut self, lane: usize, from: &mut Rig, from_lane: usize) {
        let mut porter = Porter::new();
        porter.take(&mut from.instance, from_lane);
        assert!(
            porter.has_room(),
            "{} has too much to carry",
            self.entry.spec.id
        );
        porter.put(&mut self.instance, lane);
        self.hears[lane] = from.hears[from_lane];
        self.position = from.position;
    }

    /// Back to silence and to frame 0.
    pub fn reset(&mut self) {
        self.instance.reset();
        self.position = 0;
        self.health = Health::FINE;
    }

    /// Runs in full calls.
    pub fn run(&mut self, frames: usize) -> Vec<Vec<f32>> {
        self.run_cut(frames, &[MAX_FRAMES])
    }

    /// Runs in calls of the given lengths, over and over. Gives each output's frames, lanes side by side.
    pub fn run_cut(&mut self, frames: usize, cuts: &[usize]) -> Vec<Vec<f32>> {
        let lanes = self.width.lanes();
        let lines = BlockIndex::lines_for(lanes).max(1);
        let spec = &self.entry.spec;
        let (inputs, params, outputs) = (spec.inputs.len(), spec.params.len(), spec.outputs.len());
        let blocks = Blocks::new(lines * (inputs + params + outputs) as u32);
        let block = |index: usize| BlockIndex::from_line(index as u32 * lines);
        let output_blocks: Vec<_> = (0..outputs)
            .map(|index| block(inputs + params + index))
            .collect();
        let mut result = vec![Vec::with_capacity(frames * lanes); outputs];
        let mut cuts = cuts.iter().cycle();
        let mut done = 0;
        while done < frames {
            let length = (*cuts.next().expect("cuts"))
                .clamp(1, MAX_FRAMES)
                .min(frames - done);
            let operands = |feeds: &[Feed], first: usize| -> Vec<Operand> {
                feeds
                    .iter()
                    .enumerate()
                    .map(|(index, feed)| match feed {
                        Feed::Held(value) => Operand::Constant(*value),
                        Feed::Moving(f) => {
                            let at = block(first + index);
                            fill(&blocks, at, lanes, length, |frame, lane| {
                                f(self.position + frame as u64, self.hears[lane])
                            });
                            Operand::Block(at)
                        }
                        Feed::Shared(f) => {
                            let at = block(first + index);
                            fill(&blocks, at, 1, length, |frame, _| {
                                f(self.position + frame as u64)
                            });
                            Operand::Shared(at)
                        }
                    })
                    .collect()
            };
            let (inputs, params) = (operands(&self.inputs, 0), operands(&self.params, inputs));
            let notes: Vec<NoteEvent> = self
                .notes
                .iter()
                .filter(|(frame, _)| (self.position..self.position + length as u64).contains(frame))
                .map(|(frame, event)| NoteEvent {
                    frame: (frame - self.position) as u32,
                    ..*event
                })
                .collect();
            let heard = |channel: usize| {
                let audio = &self.audio_in[channel];
                let start = (self.position as usize).min(audio.len());
                &audio[start..(start + length).min(audio.len())]
            };
            let mut cx = Cx {
                sample_rate: self.sample_rate,
                frames: length,
                position: self.position,
                transport: self.transport,
                notes: &notes,
                audio_in: [heard(0), heard(1), heard(2), heard(3)],
                voice_levels: &self.voice_levels,
                wanted: self.wanted,
            };
            // SAFETY: every feed and every output has a block of its own, as wide as the instance.
            let room = unsafe {
                Room::new(
                    &blocks,
                    &inputs,
                    &params,
                    &output_blocks,
                    Span::start(length),
                )
            };
            let instance = &mut self.instance;
            let seat = Seat {
                wanted: self.wanted,
                ..Seat::FIRST
            };
            let is_shared = |param: &Operand| matches!(param, Operand::Shared(_));
            let shares = params.iter().any(is_shared);
            let in_row = self.in_row && !shares;
            let health = assert_no_alloc::assert_no_alloc(||
                // SAFETY: the room was made for this instance.
                unsafe {
                    if in_row {
                        let (row, seats) = (from_mut(instance), from_ref(&seat));
                        let ran = AnyInstance::run(row, seats, &mut cx, &room, &Cell::new(0));
                        assert_eq!(ran.count, 1);
                        ran.health
                    } else if shares {
                        instance.process_shared(&seat, &mut cx, &room)
                    } else {
                        instance.process(&seat, &mut cx, &room)
                    }
                });
            self.stands = health.stands();
            if health == Health::NOT_FINITE {
                self.health = Health::NOT_FINITE;
            }
            for (result, at) in result.iter_mut().zip(&output_blocks) {
                copy(&blocks, *at, lanes, length, result);
            }
            self.position += length as u64;
            done += length;
        }
        result
    }
}

type Scalar = crate::lanes::Mono<crate::lanes::Baseline>;

fn flat(blocks: &Blocks, at: BlockIndex, lanes: usize) -> impl Iterator<Item = &mut [Scalar]> {
    // A wide block is read as consecutive mono blocks, which have the same floats in the same order.
    (0..lanes as u32).map(move |part| {
        let line = at.line() + part * BlockIndex::lines_for(1);
        // SAFETY: the parts are distinct, and no module runs while the rig looks.
        unsafe { blocks.write::<Scalar>(BlockIndex::from_line(line), Span::start(MAX_FRAMES)) }
    })
}

fn fill(
    blocks: &Blocks,
    at: BlockIndex,
    lanes: usize,
    frames: usize,
    f: impl Fn(usize, usize) -> f32,
) {
    use crate::lanes::Lanes;
    for (index, value) in flat(blocks, at, lanes)
        .flatten()
        .enumerate()
        .take(frames * lanes)
    {
        *value = Scalar::splat(f(index / lanes, index % lanes));
    }
}

fn copy(blocks: &Blocks, at: BlockIndex, lanes: usize, frames: usize, into: &mut Vec<f32>) {
    use crate::lanes::Lanes;
    into.extend(
        flat(blocks, at, lanes)
            .flatten()
            .take(frames * lanes)
            .map(|value| value.sum()),
    );
}
