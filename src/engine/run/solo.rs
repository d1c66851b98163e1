//! Steps of a call for voices that sound alone.

use std::time::Instant;

use weft_modules::routing;
use weft_modules::{BlockIndex, Cx, MAX_LANES, Span, Width};

use super::node::Member;
use super::{Around, Call, NOBODY};
use crate::engine::plan::{Form, Range, Sleeper};
use crate::engine::solo::Soloists;

// SAFETY, for each `unsafe` block below: as in `super`.
impl Call<'_> {
    /// Runs nodes one after the other, each for the whole span.
    pub(super) fn run_solo(
        &mut self,
        nodes: Range,
        soloists: Soloists,
        cx: &mut Cx<'_>,
        span: Span,
    ) {
        let again = self.again.take().filter(|index| nodes.has(*index));
        let first = again.unwrap_or(nodes.start());
        let around = Around {
            soloists: Some(soloists),
            ..self.around
        };
        self.ran.set(0);
        for index in first..nodes.end() {
            let Some(mut member) = Member::of(index, self.nodes, self.cast) else {
                break;
            };
            if self
                .tables
                .goes_on_standing(index, member.seat.pending, cx, span)
            {
                continue;
            }
            self.running = index;
            let metered = self.meter.map(|meter| (meter, Instant::now()));
            let health = member.run_solo(index, &around, soloists, self.tables, cx, span);
            member.heed(health, index, self.tables, self.faults, span);
            if let Some((meter, start)) = metered {
                meter.count(index, start);
            }
        }
        self.running = NOBODY;
    }

    /// Copies a mono signal to each of them.
    pub(super) fn spread_solo(
        &self,
        soloists: Soloists,
        from: BlockIndex,
        to: BlockIndex,
        span: Span,
    ) {
        let Around { level, blocks, .. } = self.around;
        for (place, _) in soloists.places() {
            // SAFETY: see above.
            unsafe {
                routing::spread(level, Width::One, blocks, from, to.stretch(place), span);
            }
        }
    }

    /// Sums them, and puts their peaks where their lanes are.
    pub(super) fn sum_solo(
        &self,
        soloists: Soloists,
        from: BlockIndex,
        to: BlockIndex,
        span: Span,
        peaks: &mut [f32; MAX_LANES],
    ) {
        let Around { level, blocks, .. } = self.around;
        let sounds = soloists.by_place().map(|lane| lane.is_some());
        // SAFETY: see above.
        let found = unsafe { routing::sum_alone(level, blocks, from, to, span, sounds) };
        for (place, lane) in soloists.places() {
            if let (Some(peak), Some(found)) = (peaks.get_mut(lane), found.get(place)) {
                *peak = *found;
            }
        }
    }

    /// After a note source has run: wakes voices whose gates have risen, and has what it plays ready for
    /// those who sound alone.
    #[inline]
    pub(super) fn part(
        &mut self,
        sleeper: Sleeper,
        width: Width,
        gates: Range,
        outputs: Range,
        cx: &Cx<'_>,
        span: Span,
    ) {
        let Some(domain) = self.tables.domains.get_mut(usize::from(sleeper.0)) else {
            return;
        };
        // Without notes no gate rises.
        if domain.form == Form::Together && cx.notes.is_empty() {
            return;
        }
        // What stands has been made ready already.
        let source = self.cast.state(domain.source);
        if source.is_some_and(|source| source.ran_at != Some(cx.position)) {
            return;
        }
        let Around { level, blocks, .. } = self.around;
        let played = &self.tables.played;
        let up = gates.of(played).iter().fold(0, |up, gate| {
            // SAFETY: see above.
            up | unsafe { routing::lanes_up(level, width, blocks, *gate, span) }
        });
        if let Some(source) = self.cast.state_mut(domain.source) {
            source.rest.lanes.held |= up;
        }
        let Some(soloists) = domain.form.soloists() else {
            return;
        };
        let members = &self.tables.members;
        let sounding = soloists.lanes() | up;
        if sounding != soloists.lanes() {
            domain.part(self.cast, members, &mut self.tables.standing, sounding);
        }
        let Some(soloists) = domain.form.soloists() else {
            return;
        };
        for output in outputs.of(played) {
            // SAFETY: see above.
            unsafe { routing::part(width, blocks, *output, soloists.by_place(), span.frames) };
        }
    }
}
