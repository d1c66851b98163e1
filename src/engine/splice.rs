//! A commit on the audio thread: cables fade on a plan of the union of what was and what will be.

use weft_modules::routing::Ramp;
use weft_modules::spec::Category;
use weft_modules::{MAX_FRAMES, Voicing};

use super::compile::{Fresh, Recipe, places};
use super::graph::{Fade, Graph, Node, Target, Unit, Wire};
use super::loads::LoadBoard;
use super::moves::{Move, Share};
use super::params::Changes;
use super::plan::{Place, Plan};
use crate::patch::ModuleKey;

/// Two plans: the union, which runs while cables fade, and what runs after.
///
/// Modules that survive are moved, not copied: out of the live plan into the union, and on.
pub(super) struct Splice {
    union: Box<Plan>,
    into_union: Box<[Move]>,
    after: Box<Plan>,
    into_after: Box<[Move]>,
    /// Knobs that the commit turns on modules that survive, as travel, by their places in the union.
    turned: Box<[(Place, f32)]>,
    frames: u32,
    done: u32,
}

impl Splice {
    /// Makes both plans.
    ///
    /// `live` and `live_units` are what plays now, `next` and `next_units` what shall play.
    ///
    /// `None` where the union cannot be put in order although both sides can.
    pub(super) fn compile(
        (live, live_units): (&Graph, &[Unit]),
        (next, next_units): (&Graph, &[Unit]),
        sample_rate: f32,
        frames: u32,
    ) -> Option<Splice> {
        let union = Union::of(live, next);
        let union_units = union.graph.order()?;
        let recipe = |graph, fresh| Recipe {
            sample_rate,
            fresh,
            ..Recipe::of(graph)
        };
        let comes: Vec<bool> = union.was.iter().map(Option::is_none).collect();
        let union_plan = recipe(&union.graph, Fresh::Listed(&comes)).build(&union_units);
        let after = recipe(next, Fresh::Nobody).build(next_units);

        let (live_places, union_places) = (places(live_units), places(&union_units));
        let survivors = union
            .was
            .iter()
            .enumerate()
            .filter_map(|(node, was)| Some((node, (*was)?)));
        let into_union = survivors
            .clone()
            .map(|(node, was)| (live_places[was], union_places[node]))
            .collect();
        let next_places = places(next_units);
        // The nodes of the next patch come first in the union, in its order.
        let into_after = (0..next.nodes.len())
            .map(|node| (union_places[node], next_places[node]))
            .collect();
        let turned = survivors
            .filter(|(node, _)| *node < next.nodes.len())
            .flat_map(|(node, was)| {
                let (before, now) = (&live.nodes[was], &next.nodes[node]);
                let place = union_places[node];
                before
                    .values
                    .iter()
                    .zip(&*now.values)
                    .enumerate()
                    .filter(|(_, (before, now))| before != now)
                    .map(move |(param, (_, plain))| {
                        let place = Place {
                            node: place,
                            param: param as u32,
                        };
                        (place, now.entry.spec.params[param].normalized(*plain))
                    })
            })
            .collect();
        Some(Splice {
            union: Box::new(union_plan),
            into_union: Move::join(into_union),
            after: Box::new(after),
            into_after: Move::join(into_after),
            turned,
            frames: frames.max(1),
            done: 0,
        })
    }

    /// Has what is made measure its modules here.
    pub(super) fn counting_loads(mut self, on: &LoadBoard) -> Splice {
        self.after.loads = on.clone();
        self
    }

    /// Brings a share of what [`Splice::begin`] needs near.
    ///
    /// Realtime safety: yes.
    pub(super) fn approach(&mut self, share: Share) {
        self.union.approach(share);
        for pair in share.of(&self.into_union).iter().step_by(8) {
            std::hint::black_box(*pair);
        }
    }

    /// Moves the survivors over and makes the union live; the old plan stays here.
    ///
    /// Realtime safety: yes.
    pub(super) fn begin(&mut self, live: &mut Box<Plan>, changes: &mut Changes) {
        live.hand_over(&mut self.union, &self.into_union);
        std::mem::swap(live, &mut self.union);
        for (place, travel) in &self.turned {
            live.turn(*place, changes, 0, *travel);
        }
    }

    /// Moves everyone on and makes the final plan live; the union stays here.
    ///
    /// Realtime safety: yes.
    pub(super) fn end(&mut self, live: &mut Box<Plan>) {
        live.hand_over(&mut self.after, &self.into_after);
        std::mem::swap(live, &mut self.after);
    }

    /// Frames until the fades are over.
    pub(super) fn frames_left(&self) -> usize {
        self.frames.saturating_sub(self.done) as usize
    }

    /// How far the fades come in the next frames.
    pub(super) fn ramp<'r>(&self, ramp: &'r mut [f32; MAX_FRAMES], frames: usize) -> Ramp<'r> {
        for (frame, value) in ramp.iter_mut().enumerate().take(frames) {
            *value = smootherstep((self.done as usize + frame + 1) as f32 / self.frames as f32);
        }
        Ramp::Moving(ramp)
    }

    /// Frames have been played. Brings a share of what comes after near.
    pub(super) fn advance(&mut self, frames: usize) {
        let before = self.done;
        self.done = self.done.saturating_add(frames as u32);
        // The first call has enough to do with the union.
        let later = |frames: u32| (frames as usize).saturating_sub(MAX_FRAMES);
        self.after.approach(Share {
            from: later(before),
            to: later(self.done),
            of: later(self.frames),
        });
    }
}

/// From 0 to 1 with no kink in slope or bend, so that a fade adds no high frequencies of its own
/// (Perlin, "Improving noise", 2002). Values at `x` and `1 - x` add up to 1.
pub(super) fn smootherstep(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    // From the nearer end: further out the terms cancel, and what is rounded away is heard as noise.
    let near = x.min(1.0 - x);
    let step = near * near * near * (near * (near * 6.0 - 15.0) + 10.0);
    if x > 0.5 { 1.0 - step } else { step }
}

/// Modules and cables of two patches in one graph, cables fading from the one to the other.
struct Union {
    graph: Graph,
    /// For each node, which one of the live graph goes on in it.
    was: Vec<Option<usize>>,
}

/// Modules with a memory of their own sound: what is fed to them abruptly comes back abruptly.
fn keeps_sound(node: &Node) -> bool {
    node.entry.spec.category == Category::Effect
}

impl Union {
    fn of(live: &Graph, next: &Graph) -> Union {
        let mut by_key: Vec<(ModuleKey, usize)> = live
            .nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (node.key, index))
            .collect();
        by_key.sort_unstable();
        let mut nodes = next.nodes.clone();
        let mut was: Vec<Option<usize>> = nodes
            .iter()
            .map(|node| {
                let at = by_key
                    .binary_search_by_key(&node.key, |(key, _)| *key)
                    .ok()?;
                let was = by_key[at].1;
                let before = &live.nodes[was];
                let same = std::ptr::eq(before.entry, node.entry) && before.width == node.width;
                same.then_some(was)
            })
            .collect();
        // Where the nodes of the live graph are in the union.
        let mut of_live: Vec<Option<usize>> = vec![None; live.nodes.len()];
        for (node, was) in was.iter().enumerate() {
            if let Some(was) = was {
                of_live[*was] = Some(node);
            }
        }
        let first_leaving = nodes.len();
        for (index, place) in of_live.iter_mut().enumerate() {
            place.get_or_insert_with(|| {
                nodes.push(live.nodes[index].clone());
                was.push(Some(index));
                nodes.len() - 1
            });
        }
        let of_live: Vec<usize> = of_live.into_iter().flatten().collect();
        for (index, node) in nodes.iter_mut().enumerate() {
            let leaves = index >= first_leaving;
            if node.entry.spec.voicing == Voicing::HostOutput && (leaves || was[index].is_none()) {
                node.heard = if leaves {
                    Fade {
                        start: 1.0,
                        gain: 0.0,
                    }
                } else {
                    Fade {
                        start: 0.0,
                        gain: 1.0,
                    }
                };
            }
            // Sources of lanes, in the numbers of the union.
            if leaves {
                node.sources = node.sources.iter().map(|source| of_live[*source]).collect();
            }
        }
        let moved = |wire: &Wire| Wire {
            from: of_live[wire.from],
            to: of_live[wire.to],
            ..wire.clone()
        };
        type Ends = (usize, usize, Target, usize);
        let ends = |wire: &Wire| -> Ends { (wire.to, wire.from, wire.target, wire.output) };
        let mut leaving: Vec<Option<Wire>> = live.wires.iter().map(moved).map(Some).collect();
        let mut places: Vec<(Ends, usize)> = leaving
            .iter()
            .enumerate()
            .filter_map(|(index, wire)| Some((ends(wire.as_ref()?), index)))
            .collect();
        places.sort_unstable();
        let comes = |node: usize| was[node].is_none();
        let leaves = |node: usize| node >= first_leaving;
        let mut wires: Vec<Wire> = next
            .wires
            .iter()
            .map(|wire| {
                let before = places
                    .binary_search_by_key(&ends(wire), |(ends, _)| *ends)
                    .ok()
                    .and_then(|at| {
                        leaving[places[at].1].take_if(|old| old.feedback == wire.feedback)
                    });
                let fade = match before {
                    Some(before) => Fade {
                        start: before.fade.gain,
                        gain: wire.fade.gain,
                    },
                    // What comes is heard through the fades of its own outputs.
                    None if comes(wire.to)
                        && (comes(wire.from) || !keeps_sound(&nodes[wire.to])) =>
                    {
                        wire.fade
                    }
                    None => Fade {
                        start: 0.0,
                        gain: wire.fade.gain,
                    },
                };
                Wire {
                    fade,
                    ..wire.clone()
                }
            })
            .collect();
        wires.extend(leaving.into_iter().flatten().map(|wire| {
            let fade = if leaves(wire.to) {
                wire.fade
            } else {
                Fade {
                    start: wire.fade.gain,
                    gain: 0.0,
                }
            };
            Wire { fade, ..wire }
        }));
        Union {
            graph: Graph {
                nodes,
                wires,
                // The nodes of the next patch have the same numbers here.
                slots: next.slots.clone(),
            },
            was,
        }
    }
}
