//! Adding a module: what it reads and writes, and who listens to it.

use weft_modules::routing::Term;
use weft_modules::{BlockIndex, MAX_FRAMES, Operand, Seat, Voicing, Wanted, Width};

use super::life::{life, vacancy};
use super::tables::{add, always, sleeper};
use super::values::{Fit, Values};
use super::{Builder, Fresh, Recipe};
use crate::engine::buffers::{BlockPool, lines_for};
use crate::engine::graph::Target;
use crate::engine::plan::{Act, HushIndex, Mix, Node, Range, ReadAt, Step, pending};

impl Builder<'_> {
    /// Cache lines for the sums and params of one module, which it alone needs and only while it runs.
    pub(super) fn scratch_lines(recipe: &Recipe<'_>, node: usize) -> u32 {
        let node = &recipe.graph.nodes[node];
        let ports = node.entry.spec.inputs.len() + node.entry.spec.params.len();
        ports as u32 * lines_for(node.width)
    }

    /// Has the cables into an input or param made ready for their sum.
    fn mix(&mut self, readings: std::ops::Range<usize>, to: BlockIndex, port: usize) {
        let first = self.tables.terms.len();
        for at in readings {
            let reading = self.values.reading(at);
            let from = self.place(reading.value);
            self.note_reader(reading.value, ReadAt::Term(self.tables.terms.len() as u32));
            self.tables.terms.push(Term {
                from,
                mono: reading.mono,
                still: false,
                gain: reading.wire.fade.gain,
                start: reading.wire.fade.start,
            });
        }
        self.tables.mixes.push(Mix {
            terms: Range::since(first, &self.tables.terms),
            to,
            port: port as u32,
        });
    }

    /// Adds a module. `scratch`: where its sums and params go.
    pub(super) fn add(&mut self, node: usize, scratch: &mut BlockPool) {
        let graph_node = &self.recipe.graph.nodes[node];
        let (spec, width) = (&graph_node.entry.spec, graph_node.width);
        let place = self.nodes.len() as u32;
        let keeps_cables = self.keeps_cables(node, place);
        let mut take = |pool: &mut BlockPool, is_cabled: bool| match is_cabled && keeps_cables {
            true => pool.take_alone(width),
            false => scratch.take(width),
        };
        let first_input = self.tables.inputs.len();
        let first_sum = self.tables.mixes.len();
        for input in 0..spec.inputs.len() {
            let readings = self.values.read_at_port(node, Target::Input(input));
            let first = readings.clone().next().map(|at| self.values.reading(at));
            let operand = match first {
                None => Operand::Constant(0.0),
                Some(reading) if reading.direct => {
                    let at = self.tables.inputs.len() as u32;
                    self.note_reader(reading.value, ReadAt::Input(at));
                    Operand::Block(self.place(reading.value))
                }
                Some(_) => {
                    let to = take(&mut self.pool, true);
                    self.mix(readings, to, input);
                    Operand::Block(to)
                }
            };
            self.tables.inputs.push(operand);
        }
        let sums = Range::since(first_sum, &self.tables.mixes);
        let (first_knob, first_modulated) = (self.tables.knobs.len(), self.tables.mixes.len());
        for param in 0..spec.params.len() {
            let readings = self.values.read_at_port(node, Target::Param(param));
            let to = take(&mut self.pool, !readings.is_empty());
            self.tables.knobs.push(to);
            if !readings.is_empty() {
                self.mix(readings, to, param);
            }
        }
        let knobs = Range::since(first_knob, &self.tables.knobs);
        let modulated = Range::since(first_modulated, &self.tables.mixes);
        let is_heard = spec.voicing == Voicing::HostOutput;
        let is_read = |values: &Values, output| values.has_readers(values.output(node, output));
        let wanted = Wanted::of(
            (0..spec.outputs.len()).filter(|output| is_heard || is_read(&self.values, *output)),
        );
        let may_rest = self.kept.is_none() && (is_heard || spec.voicing == Voicing::Mixdown);
        let is_cabled = !sums.is_empty() || !modulated.is_empty();
        let may_stand = spec.holds && self.kept.is_none() && !may_rest && !is_cabled;
        let mut read = self.values.read_at(node);
        let may_stand = may_stand && read.all(|at| self.may_stand(at));
        if may_stand {
            self.depend(self.values.read_at(node), place);
        }
        let first_output = self.tables.outputs.len();
        for output in 0..spec.outputs.len() {
            let leaves = width == Width::One && self.domains.leaving.contains(&(node, output));
            let stands = may_stand && is_read(&self.values, output);
            let place = if may_rest || leaves || stands {
                self.pool.take_alone(width)
            } else {
                self.pool.take(width)
            };
            self.values.put(self.values.output(node, output), place);
            if stands {
                self.values.keep(self.values.output(node, output));
            }
            self.tables.outputs.push(place);
        }
        let outputs = Range::since(first_output, &self.tables.outputs);
        let (mut hush, mut hearing) = (HushIndex::NONE, None);
        if may_rest {
            hush = self.tables.hush();
            for output in 0..spec.outputs.len() {
                self.values.hush(self.values.output(node, output), hush);
            }
            let first = self.tables.hearing.len();
            let readings = self.values.read_at(node).map(|at| self.values.reading(at));
            let heard = readings.filter(|reading| matches!(reading.wire.target, Target::Input(_)));
            let heard = heard.map(|reading| self.values.hush_of(reading.value));
            self.tables.hearing.extend(heard);
            let all = Range::since(first, &self.tables.hearing);
            let is_known = |hush: &HushIndex| *hush != HushIndex::NONE;
            hearing = Some(all).filter(|all| all.of(&self.tables.hearing).iter().all(is_known));
        }
        let domain = self.domains.of_nodes[node];
        self.steps
            .push(Step::new(sleeper(domain), Act::Run(Range::one(place))));
        self.add_listeners(node, place, outputs, wanted, hush);
        let fresh = match self.recipe.fresh {
            Fresh::All => true,
            Fresh::Nobody => false,
            Fresh::Listed(fresh) => fresh.get(node).copied().unwrap_or(true),
        };
        let travels = if self.kept.is_some() {
            spec.params.len()
        } else {
            0
        };
        let (instance, state) = if fresh {
            life(graph_node, self.level, self.recipe.sample_rate)
        } else {
            vacancy()
        };
        // Those who are handed over bring the values of their params along.
        let params = (0..spec.params.len()).map(|param| {
            Operand::Constant(state.params.get(param).map_or(0.0, |param| param.plain()))
        });
        let params = add(&mut self.tables.params, params);
        let is_source = spec.voicing == Voicing::NoteSource;
        let tables = &mut self.tables;
        let inputs = Range::since(first_input, &tables.inputs);
        let is_special = is_source || may_rest || travels > 0;
        let mut seat = Seat {
            ports: [inputs, params, outputs].map(|range| range.start() as u32),
            wanted,
            ..Seat::FIRST
        };
        seat.pending.set(pending::SPECIAL, is_special);
        seat.pending.set(pending::CABLED, is_cabled);
        seat.pending.set(pending::MAY_STAND, may_stand);
        seat.pending.set(pending::SOURCE, is_source);
        self.seats.push(seat);
        self.instances.push(instance);
        self.states.push(Box::new(state));
        self.nodes.push(Node {
            takes_turns: !is_special
                && !is_cabled
                && spec.recursive
                && width == Width::One
                && self.kept.is_none(),
            inputs,
            params,
            outputs,
            sums,
            modulated,
            cabled: modulated.of(&tables.mixes).iter().fold(0, |cabled, mix| {
                cabled | 1_u64.checked_shl(mix.port).unwrap_or(0)
            }),
            knobs,
            shares: match width {
                Width::One => 0,
                _ => spec.shares,
            },
            travels: add(
                &mut tables.travels,
                std::iter::repeat_n([0.0; MAX_FRAMES], travels),
            ),
            read: wanted,
            sleeper: sleeper(domain),
            may_rest,
            hush,
            hearing,
            width,
            keeps_cables,
            readers: Range::default(),
            dependents: Range::default(),
        });
        if self.kept.is_none() {
            self.steps.append(&mut self.heard);
        }
        for at in self.values.read_at(node) {
            self.release(self.values.reading(at).value);
        }
        for output in 0..spec.outputs.len() {
            if !is_read(&self.values, output) {
                self.release(self.values.output(node, output));
            }
        }
    }

    /// Whether what is read may stand.
    fn may_stand(&self, reading: usize) -> bool {
        let value = self.values.value(self.values.reading(reading).value);
        let from = self.places_of_nodes[value.node] as usize;
        let from = self.seats.get(from);
        let stands = from.is_some_and(|from| from.pending.has(pending::MAY_STAND));
        value.fit == Fit::AsIs && !value.late && stands
    }

    /// Remembers that a node depends on what it reads.
    fn depend(&mut self, readings: impl IntoIterator<Item = usize>, place: u32) {
        for at in readings {
            let value = self.values.value(self.values.reading(at).value);
            let from = self.places_of_nodes[value.node];
            self.dependents.push((from, place));
        }
    }

    /// See [`Node::keeps_cables`]. If so, it is remembered on what it depends.
    fn keeps_cables(&mut self, node: usize, place: u32) -> bool {
        let spec = &self.recipe.graph.nodes[node].entry.spec;
        let inputs = (0..spec.inputs.len()).map(Target::Input);
        let params = (0..spec.params.len()).map(Target::Param);
        let mut laid = Vec::new();
        for target in inputs.chain(params) {
            let readings = self.values.read_at_port(node, target);
            let is_direct =
                |at: usize| matches!(target, Target::Input(_)) && self.values.reading(at).direct;
            laid.extend(readings.filter(|at| !is_direct(*at)));
        }
        let stand = laid.iter().all(|at| self.may_stand(*at));
        if laid.is_empty() || !stand || self.kept.is_some() {
            return false;
        }
        self.depend(laid, place);
        true
    }

    /// Adds the steps that listen to what a module gives: for those who sleep, and for the host.
    fn add_listeners(
        &mut self,
        node: usize,
        place: u32,
        outputs: Range,
        wanted: Wanted,
        hush: HushIndex,
    ) {
        let graph_node = &self.recipe.graph.nodes[node];
        let (spec, width) = (&graph_node.entry.spec, graph_node.width);
        let domain = self.domains.of_nodes[node];
        let is_source = spec.voicing == Voicing::NoteSource;
        for output in 0..spec.outputs.len() {
            let Some(&at) = outputs.of(&self.tables.outputs).get(output) else {
                break;
            };
            let singers = sleeper(domain);
            if width == Width::One && self.domains.leaving.contains(&(node, output)) {
                let hush = self.hush_where(true, self.values.output(node, output));
                self.steps.push(always(Act::Hear { at, singers, hush }));
            }
            let mut domains = self.domains.all.iter();
            let watcher = domains.position(|domain| {
                domain.source == node && domain.gates.contains(&output) && wanted.has(output)
            });
            if is_source && watcher.is_some() {
                let act = Act::Watch {
                    node: place,
                    width,
                    gate: at,
                };
                self.steps.push(Step::new(sleeper(watcher), act));
            }
        }
        let mut domains = self.domains.all.iter();
        if let Some(index) = domains.position(|domain| domain.source == node && domain.parts) {
            let places = outputs.of(&self.tables.outputs).iter().enumerate();
            let read = places.filter(|(output, _)| wanted.has(*output));
            let is_gate = |output: &usize| self.domains.all[index].gates.contains(output);
            let gates = read.clone().filter(|(output, _)| is_gate(output));
            let played = &mut self.tables.played;
            let act = Act::Part {
                width,
                gates: add(played, gates.map(|(_, place)| *place)),
                outputs: add(played, read.map(|(_, place)| *place)),
            };
            self.steps.push(Step::new(sleeper(Some(index)), act));
        }
        if spec.voicing == Voicing::HostOutput
            && let [left, right] = *outputs.of(&self.tables.outputs)
        {
            let heard = graph_node.heard;
            let term = |from| Term {
                from,
                mono: true,
                still: false,
                gain: heard.gain,
                start: heard.start,
            };
            let terms = Box::new([term(left), term(right)]);
            self.heard.push(always(Act::Output { terms, hush }));
        }
    }
}
