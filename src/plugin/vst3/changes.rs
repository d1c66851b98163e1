//! A block's parameter changes in the order of time.
//!
//! VST3 hands over one queue for each parameter. nice-plug merges them by inserting every point where
//! it belongs, which costs the square of their number, and grows its list in the audio callback when
//! that is full. So the queues are merged here, and the wrapper is shown one queue of one point after
//! the other.

use std::cell::{Cell, RefCell};

use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    IParamValueQueue, IParamValueQueueTrait, IParameterChanges, IParameterChangesTrait, ParamID,
    ParamValue,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::{int32, kInvalidArgument, kResultOk, tresult};
use nice_plug::wrapper::vst3::vst3::{Class, ComPtr, ComRef, ComWrapper};

use crate::plugin::processor::EVENT_CAPACITY;
use crate::plugin::slots::{slot_of, valid};

#[derive(Clone, Copy, Default)]
struct Point {
    frame: int32,
    /// Points of one frame keep the host's order.
    order: u32,
    id: ParamID,
    value: ParamValue,
}

/// The changes of the block at hand.
pub struct Changes {
    points: RefCell<Vec<Point>>,
    /// The last block had no frames: its controllers were not heard yet.
    held: Cell<bool>,
    shown: ComWrapper<OnePoint>,
    shown_queue: Option<ComPtr<IParamValueQueue>>,
}

impl Class for Changes {
    type Interfaces = (IParameterChanges,);
}

/// The queue the wrapper sees: the point asked for last.
struct OnePoint(Cell<Point>);

impl Class for OnePoint {
    type Interfaces = (IParamValueQueue,);
}

impl Changes {
    /// Room for as many points as the wrapper takes without allocating.
    pub fn new() -> Changes {
        let shown = ComWrapper::new(OnePoint(Cell::default()));
        let shown_queue = shown.to_com_ptr();
        Changes {
            points: RefCell::new(Vec::with_capacity(EVENT_CAPACITY)),
            held: Cell::new(false),
            shown,
            shown_queue,
        }
    }

    /// Takes a block's changes from the host. Where they are more than `EVENT_CAPACITY` less `notes`,
    /// each parameter keeps its last ones. Numbers that are none are dropped, frames outside the
    /// block moved to its ends.
    pub fn gather(&self, host: Option<ComRef<IParameterChanges>>, frames: int32, notes: usize) {
        let Ok(mut points) = self.points.try_borrow_mut() else {
            return;
        };
        if self.held.get() {
            points.retain(|point| slot_of(point.id).is_none());
            for (order, point) in points.iter_mut().enumerate() {
                (point.frame, point.order) = (0, order as u32);
            }
        } else {
            points.clear();
        }
        self.held.set(frames <= 0);

        let Some(host) = host else {
            return;
        };
        // SAFETY: a living list, asked as VST3 prescribes; queues are asked for within its count.
        let queue = |index| unsafe { ComRef::from_raw(host.getParameterData(index)) };
        // SAFETY: as above.
        let queues = unsafe { host.getParameterCount() }.max(0);
        // SAFETY: a living queue.
        let count = |queue: &ComRef<IParamValueQueue>| unsafe { queue.getPointCount() }.max(0);

        let full = EVENT_CAPACITY.saturating_sub(notes);
        let room = full.saturating_sub(points.len());
        let total: usize = (0..queues)
            .filter_map(queue)
            .map(|queue| count(&queue) as usize)
            .sum();
        let most = if total > room {
            (room / queues.max(1) as usize).max(1)
        } else {
            total
        };
        for queue in (0..queues).filter_map(queue) {
            let count = count(&queue);
            // SAFETY: a living queue.
            let id = unsafe { queue.getParameterId() };
            for index in count - int32::try_from(most).unwrap_or(count).min(count)..count {
                let (mut frame, mut value) = (0, 0.0);
                // SAFETY: a living queue, a point within its count and two places for the answer.
                let found = unsafe { queue.getPoint(index, &mut frame, &mut value) };
                let (true, Some(value)) = (found == kResultOk, valid(value)) else {
                    continue;
                };
                if points.len() >= full {
                    break;
                }
                let order = points.len() as u32;
                points.push(Point {
                    frame: frame.min(frames - 1).max(0),
                    order,
                    id,
                    value: value.into(),
                });
            }
        }
        points.sort_unstable_by_key(|point| (point.frame, point.order));
    }

    /// Forgets controllers that were not heard yet.
    pub fn forget(&self) {
        self.held.set(false);
    }
}

impl IParameterChangesTrait for Changes {
    unsafe fn getParameterCount(&self) -> int32 {
        self.points
            .try_borrow()
            .map_or(0, |points| points.len() as int32)
    }

    unsafe fn getParameterData(&self, index: int32) -> *mut IParamValueQueue {
        let point = match self.points.try_borrow() {
            Ok(points) => usize::try_from(index)
                .ok()
                .and_then(|index| points.get(index).copied()),
            Err(_) => None,
        };
        match (point, &self.shown_queue) {
            (Some(point), Some(queue)) => {
                self.shown.0.set(point);
                queue.as_ptr()
            }
            _ => std::ptr::null_mut(),
        }
    }

    unsafe fn addParameterData(
        &self,
        _id: *const ParamID,
        _index: *mut int32,
    ) -> *mut IParamValueQueue {
        std::ptr::null_mut()
    }
}

impl IParamValueQueueTrait for OnePoint {
    unsafe fn getParameterId(&self) -> ParamID {
        self.0.get().id
    }

    unsafe fn getPointCount(&self) -> int32 {
        1
    }

    unsafe fn getPoint(&self, index: int32, frame: *mut int32, value: *mut ParamValue) -> tresult {
        if index != 0 || frame.is_null() || value.is_null() {
            return kInvalidArgument;
        }
        let point = self.0.get();
        // SAFETY: the caller wants the answers there.
        unsafe {
            frame.write(point.frame);
            value.write(point.value);
        }
        kResultOk
    }

    unsafe fn addPoint(&self, _frame: int32, _value: ParamValue, _index: *mut int32) -> tresult {
        kInvalidArgument
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::slots::host_id;
    use crate::plugin::vst3::rig::HostChanges;

    fn gather(
        changes: &Changes,
        host: &[(ParamID, Vec<(int32, f64)>)],
        frames: int32,
        notes: usize,
    ) -> Vec<(int32, ParamID, f64)> {
        let host = HostChanges::new(host);
        changes.gather(host.as_com_ref(), frames, notes);
        let points = changes.points.borrow();
        points.iter().map(|p| (p.frame, p.id, p.value)).collect()
    }

    #[test]
    fn queues_are_merged_by_frame_and_brought_into_the_block() {
        let (a, b) = (host_id(0), host_id(1));
        let merged = gather(
            &Changes::new(),
            &[
                (a, vec![(0, 0.1), (10, 0.2), (900, 0.3)]),
                (b, vec![(-5, 2.0), (10, f64::NAN), (10, 0.4)]),
            ],
            64,
            0,
        );
        assert_eq!(
            merged
                .iter()
                .map(|(frame, id, value)| (*frame, *id, *value as f32))
                .collect::<Vec<_>>(),
            [
                (0, a, 0.1),
                (0, b, 1.0),
                (10, a, 0.2),
                (10, b, 0.4),
                (63, a, 0.3)
            ]
        );
    }

    #[test]
    fn more_points_than_fit_leave_every_parameter_its_last() {
        let changes = Changes::new();
        let host: Vec<_> = (0..1_000)
            .map(|slot| {
                let points = (0..100).map(|frame| (frame, f64::from(frame) / 99.0));
                (host_id(slot), points.collect())
            })
            .collect();
        let merged = gather(&changes, &host, 100, 5_536);
        assert!(merged.len() <= EVENT_CAPACITY - 5_536);
        let last = merged
            .iter()
            .filter(|(frame, _, value)| *frame == 99 && *value == 1.0);
        assert_eq!(last.count(), 1_000);
        assert_eq!(changes.points.borrow().capacity(), EVENT_CAPACITY);
    }

    #[test]
    fn a_controller_in_an_empty_block_is_heard_in_the_next() {
        let changes = Changes::new();
        let (slot, pedal) = (host_id(0), 1 << 30);
        gather(
            &changes,
            &[(slot, vec![(0, 0.5)]), (pedal, vec![(0, 1.0)])],
            0,
            0,
        );
        let next = gather(&changes, &[(pedal, vec![(3, 0.0)])], 64, 0);
        assert_eq!(next, [(0, pedal, 1.0), (3, pedal, 0.0)]);
        assert_eq!(gather(&changes, &[], 64, 0), []);
    }
}
