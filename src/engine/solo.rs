//! Few voices of many, each by itself.
//!
//! A domain of sixteen lanes costs nearly as much for two voices as for sixteen. While no more than
//! [`ALONE`] of them sound, each is run by mono instances of the domain's modules, and lies by itself in
//! the blocks of the wide signals. The others stand still in the wide instances until a note wakes them.

use weft_modules::Porter;
use weft_modules::routing::ALONE;

use super::plan::{Cast, Domain, Form, Plan, Tables};

/// The voices that sound alone: for each of the mono instances, whose lane it has taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Soloists(pub(super) [Option<u8>; ALONE]);

impl Soloists {
    /// Their lanes, as bits.
    pub(super) fn lanes(self) -> u16 {
        let bit = |lane: &u8| 1u16.checked_shl(u32::from(*lane)).unwrap_or(0);
        self.0
            .iter()
            .flatten()
            .fold(0, |lanes, lane| lanes | bit(lane))
    }

    /// Whose mono instances run, and for which lanes.
    pub(super) fn places(self) -> impl Iterator<Item = (usize, usize)> {
        let places = self.0.into_iter().enumerate();
        places.filter_map(|(place, lane)| Some((place, usize::from(lane?))))
    }

    /// For each of the mono instances, its lane.
    pub(super) fn by_place(self) -> [Option<usize>; ALONE] {
        self.0.map(|lane| lane.map(usize::from))
    }

    /// Has a lane taken over by instances that are free, if there are any, and gives their place.
    fn seat(&mut self, lane: usize) -> Option<usize> {
        let place = self.0.iter().position(Option::is_none)?;
        *self.0.get_mut(place)? = u8::try_from(lane).ok();
        Some(place)
    }

    /// Has its instances free again, and gives their place.
    fn unseat(&mut self, lane: usize) -> Option<usize> {
        let is_its = |seat: &Option<u8>| seat.is_some_and(|taken| usize::from(taken) == lane);
        let place = self.0.iter().position(is_its)?;
        *self.0.get_mut(place)? = None;
        Some(place)
    }
}

/// The lanes whose bits are set.
pub(super) fn each_lane(mut lanes: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lane = (lanes != 0).then(|| lanes.trailing_zeros() as usize);
        lanes &= lanes.wrapping_sub(1);
        lane
    })
}

impl Domain {
    /// Has these lanes and no others sound alone, or all run side by side if they are too many.
    pub(super) fn part(
        &mut self,
        cast: &mut Cast,
        members: &[u32],
        standing: &mut [u8],
        lanes: u16,
    ) {
        if lanes.count_ones() as usize > ALONE {
            return self.unite(cast, members, standing);
        }
        if self.form.soloists().map(Soloists::lanes) == Some(lanes) {
            return;
        }
        // What stands lies elsewhere from now on.
        standing.fill(0);
        let members = self.members.of(members);
        let mut soloists = self.form.soloists().unwrap_or_default();
        for lane in each_lane(soloists.lanes() & !lanes) {
            if let Some(place) = soloists.unseat(lane) {
                carry_back(cast, members, place, lane);
            }
        }
        for lane in each_lane(lanes & !soloists.lanes()) {
            // Those who play already know better than who stands still what is common to all.
            let other = soloists.places().map(|(place, _)| place).next();
            if let Some(place) = soloists.seat(lane) {
                carry_out(cast, members, place, lane, other);
            }
        }
        self.form = Form::Alone(soloists);
    }

    /// Has all lanes run side by side again.
    pub(super) fn unite(&mut self, cast: &mut Cast, members: &[u32], standing: &mut [u8]) {
        if let Form::Alone(soloists) = self.form {
            standing.fill(0);
            self.form = Form::Together;
            for (place, lane) in soloists.places() {
                carry_back(cast, self.members.of(members), place, lane);
            }
        }
    }
}

/// Has mono instances go on where a lane of wide ones is.
fn carry_out(cast: &mut Cast, members: &[u32], place: usize, lane: usize, other: Option<usize>) {
    let mut porter = Porter::new();
    for member in members {
        let Some((instance, state)) = cast.get_mut(*member as usize) else {
            continue;
        };
        let solo = &mut state.solo;
        if let Some(Some(solo)) = solo.get_mut(place) {
            porter.take(instance, lane);
            porter.put(solo, 0);
        }
        if let Some(Some(other)) = other.and_then(|other| solo.get_mut(other)) {
            porter.take(other, 0);
        }
        if other.is_some()
            && let Some(Some(solo)) = solo.get_mut(place)
        {
            porter.put_shared(solo);
        }
    }
}

/// Has a lane of wide instances go on where mono ones are.
fn carry_back(cast: &mut Cast, members: &[u32], place: usize, lane: usize) {
    let mut porter = Porter::new();
    for member in members {
        if let Some((instance, state)) = cast.get_mut(*member as usize)
            && let Some(Some(solo)) = state.solo.get_mut(place)
        {
            porter.take(solo, 0);
            porter.put(instance, lane);
        }
    }
}

impl Plan {
    /// Has the lanes of all domains run side by side again.
    pub(super) fn unite(&mut self) {
        for domain in &mut self.tables.domains {
            domain.unite(
                &mut self.cast,
                &self.tables.members,
                &mut self.tables.standing,
            );
        }
    }

    /// Sends voices that have been silent for long enough to sleep, and decides who sounds alone;
    /// called exactly on grid frames.
    pub(super) fn settle_domains(&mut self) {
        let Tables {
            domains,
            shut,
            members,
            standing,
            ..
        } = &mut self.tables;
        for domain in domains {
            // Nothing but what wakes a domain changes anything while it sleeps.
            let source = self.cast.state(domain.source);
            if domain.form == Form::Asleep && source.is_some_and(|source| source.rest.sleeps_on()) {
                continue;
            }
            let is_shut = domain.shut.of(shut).iter().all(|place| {
                let state = self.cast.state(place.node);
                state
                    .and_then(|state| state.params.get(place.param as usize))
                    .is_some_and(|param| param.is_still() && param.plain() == 0.0)
            });
            let Some(source) = self.cast.state_mut(domain.source) else {
                continue;
            };
            let rest = &mut source.rest;
            rest.settle(is_shut, self.sample_rate);
            if domain.members.is_empty() {
                continue;
            }
            let peaks = source.voices.rising();
            let awake = rest.settle_lanes(peaks, self.sample_rate, ALONE);
            let is_awake = !rest.asleep && domain.form != Form::Asleep;
            match awake.filter(|_| is_shut && is_awake) {
                Some(awake) => domain.part(&mut self.cast, members, standing, awake),
                None => domain.unite(&mut self.cast, members, standing),
            }
        }
    }
}
