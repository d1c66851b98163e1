//! Plans on their way to the audio thread and back.

use rtrb::{Consumer, Producer, RingBuffer};

use super::{Plan, Player};

/// Plans that may be under way at once in either direction.
const CAPACITY: usize = 16;

/// The side that makes plans and frees them. Any thread but the audio thread.
pub struct Sender {
    plans: Producer<Box<Plan>>,
    returned: Consumer<Box<Plan>>,
}

/// The side of the audio thread.
pub struct Receiver {
    plans: Consumer<Box<Plan>>,
    returned: Producer<Box<Plan>>,
}

/// Both ends of a new handover.
pub fn handover() -> (Sender, Receiver) {
    let (plans, taken) = RingBuffer::new(CAPACITY);
    let (used, returned) = RingBuffer::new(CAPACITY);
    (Sender { plans, returned }, Receiver { plans: taken, returned: used })
}

impl Sender {
    /// Sends a plan to the player; frees what came back.
    ///
    /// # Errors
    /// Hands the plan back if many are waiting already, because the audio thread stands still.
    pub fn send(&mut self, plan: Box<Plan>) -> Result<(), Box<Plan>> {
        self.collect();
        self.plans.push(plan).map_err(|rtrb::PushError::Full(plan)| plan)
    }

    /// Frees the plans that came back and says how many there were.
    pub fn collect(&mut self) -> usize {
        std::iter::from_fn(|| self.returned.pop().ok()).map(drop).count()
    }
}

impl Receiver {
    /// Puts the newest plan that waits in place. Gives whether there was one.
    ///
    /// Realtime safety: a plan is taken only while there is room to send the old one back, so nothing
    /// is ever freed here.
    pub fn poll(&mut self, player: &mut Player) -> bool {
        let mut changed = false;
        while !self.returned.is_full() {
            let Ok(mut plan) = self.plans.pop() else { break };
            player.swap(&mut plan);
            changed = true;
            if let Err(rtrb::PushError::Full(plan)) = self.returned.push(plan) {
                // There was room a line ago and only this thread fills it; leaking beats freeing.
                std::mem::forget(plan);
            }
        }
        changed
    }
}
