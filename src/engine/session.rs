//! The live and the standby patch of one instance, and the commits between them.
//!
//! Edits touch the standby patch only. A commit compiles it on a thread of its own and hands it to
//! the player; until the player has it, the live patch is what it was, and if anything fails it stays
//! so. Values turned on modules that live go live at once.

mod ticket;
mod worker;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use weft_modules::ParamSpec;

pub use self::ticket::{Outcome, Ticket};
use super::compile::{CompileError, Recipe, legal_rate};
use super::graph::{Graph, Unit};
use super::handover::{Receiver, Sender, Turn, handover};
use super::loads::{Audience, LoadBoard};
use super::{Plan, Player};
use crate::patch::{Changed, Edit, EditError, History, ModuleKey, ParamRef, Patch};

/// Far longer than any patch takes to compile.
const COMPILING: Duration = Duration::from_secs(2);

/// A patch with what the engine made of it.
#[derive(Clone, Default)]
struct Playing {
    patch: Arc<Patch>,
    graph: Arc<Graph>,
    units: Arc<[Unit]>,
    loads: LoadBoard,
}

impl Playing {
    fn of(patch: Arc<Patch>, audience: &Audience) -> Result<Playing, CompileError> {
        let (graph, units) = Graph::of(&patch)?;
        Ok(Playing {
            patch,
            loads: LoadBoard::of(&graph, &units, audience),
            graph: Arc::new(graph),
            units: units.into(),
        })
    }

    fn nothing(audience: &Audience) -> Playing {
        Playing {
            loads: LoadBoard::of(&Graph::default(), &[], audience),
            ..Playing::default()
        }
    }

    fn plan(&self, sample_rate: f32) -> Plan {
        let recipe = Recipe {
            sample_rate,
            ..Recipe::of(&self.graph)
        };
        let mut plan = recipe.build(&self.units);
        plan.loads = self.loads.clone();
        plan
    }

    /// Takes a value over. Gives where the param is and its data sheet, if the module is one of these.
    fn set(
        &mut self,
        key: ModuleKey,
        param: &str,
        plain: f32,
    ) -> Option<(u32, &'static ParamSpec)> {
        let node = self.graph.nodes.iter().position(|node| node.key == key)?;
        let spec = &self.graph.nodes[node].entry.spec;
        let index = spec.param(param)?;
        let node = &mut Arc::make_mut(&mut self.graph).nodes[node];
        Arc::make_mut(&mut node.values)[index] = plain;
        set_value(&mut self.patch, key, param, plain);
        Some((index as u32, &spec.params[index]))
    }

    /// Takes over all values of a patch with the same modules.
    fn catch_up(&mut self, patch: &Arc<Patch>) {
        if Arc::ptr_eq(&self.patch, patch) {
            return;
        }
        self.patch = Arc::clone(patch);
        for node in &mut Arc::make_mut(&mut self.graph).nodes {
            if let Some(module) = patch.module(&node.id) {
                for (index, value) in Arc::make_mut(&mut node.values).iter_mut().enumerate() {
                    *value = module.value(index).unwrap_or(*value);
                }
            }
        }
    }
}

/// Sets a value of a module, whatever the patch calls it.
fn set_value(patch: &mut Arc<Patch>, key: ModuleKey, param: &str, plain: f32) {
    if let Some(id) = id_of(patch, key) {
        Arc::make_mut(patch).set_value(&id, param, plain);
    }
}

fn id_of(patch: &Patch, key: ModuleKey) -> Option<String> {
    patch
        .modules
        .iter()
        .find(|(_, module)| module.key() == key)
        .map(|(id, _)| id.to_owned())
}

/// A commit on its way.
#[derive(Clone)]
struct Pending {
    patch: Arc<Patch>,
    ticket: Ticket,
}

/// The way to the player.
struct Link {
    sender: Sender,
    sample_rate: f32,
}

struct Desk {
    standby: History,
    live: Playing,
    /// Handed over but not yet taken by the player.
    under_way: Option<Playing>,
    /// Waits for its turn.
    pending: Option<Pending>,
    /// Being compiled.
    at_work: Option<Pending>,
    link: Option<Link>,
    /// Counts activations and deactivations.
    generation: u64,
    closing: bool,
}

struct Shared {
    desk: Mutex<Desk>,
    /// Something for the worker to look at.
    wake: Condvar,
    /// Who looks at what modules cost.
    audience: Audience,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Every change below leaves the desk whole before anything that could panic.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The patches of one instance. Any thread but the audio thread.
pub struct Session {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

impl Session {
    /// Begins with a patch on both sides. One that cannot play is edited all the same; until a commit
    /// succeeds nothing sounds.
    pub fn new(patch: Patch) -> Session {
        let audience = Audience::default();
        let live = Playing::of(Arc::new(patch.clone()), &audience);
        let live = live.unwrap_or_else(|_| Playing::nothing(&audience));
        let shared = Arc::new(Shared {
            desk: Mutex::new(Desk {
                standby: History::new(patch),
                live,
                under_way: None,
                pending: None,
                at_work: None,
                link: None,
                generation: 0,
                closing: false,
            }),
            wake: Condvar::new(),
            audience,
        });
        let worker = std::thread::Builder::new()
            .name("weft-commit".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || worker::work(&shared)
            });
        Session {
            shared,
            worker: worker.ok(),
        }
    }

    /// The patch that sounds.
    pub fn live(&self) -> Arc<Patch> {
        Arc::clone(&self.shared.desk().live.patch)
    }

    /// The patch that sounds, or will once all commits are through.
    pub fn committed(&self) -> Arc<Patch> {
        self.shared.desk().committed()
    }

    /// What the modules of the live patch cost. Commits bring another board, so ask for it at each
    /// look; a watch once taken goes on through all of them.
    pub fn loads(&self) -> LoadBoard {
        self.shared.desk().live.loads.clone()
    }

    /// The patch that is edited.
    pub fn standby(&self) -> Patch {
        self.shared.desk().standby.patch().clone()
    }

    /// Edits the standby patch, all edits or none, as one step of undo. Values of modules that live go
    /// live at once.
    ///
    /// # Errors
    /// If an edit does not fit the standby patch. Then nothing is changed.
    pub fn edit(&self, edits: &[Edit]) -> Result<Changed, EditError> {
        let mut desk = self.shared.desk();
        let changed = desk.standby.apply(edits)?;
        desk.carry_values(&changed);
        Ok(changed)
    }

    /// Undoes the last step of the standby patch; `None` if there is none.
    pub fn undo(&self) -> Option<Changed> {
        let mut desk = self.shared.desk();
        let changed = desk.standby.undo()?;
        desk.carry_values(&changed);
        Some(changed)
    }

    /// Does again what was undone last; `None` if there is nothing.
    pub fn redo(&self) -> Option<Changed> {
        let mut desk = self.shared.desk();
        let changed = desk.standby.redo()?;
        desk.carry_values(&changed);
        Some(changed)
    }

    /// How many steps can be undone and redone.
    pub fn steps(&self) -> (usize, usize) {
        let desk = self.shared.desk();
        (desk.standby.undoable(), desk.standby.redoable())
    }

    /// From now on turns of one knob are one step of undo.
    pub fn begin_gesture(&self) {
        self.shared.desk().standby.begin_gesture();
    }

    /// Each edit is a step of its own again.
    pub fn end_gesture(&self) {
        self.shared.desk().standby.end_gesture();
    }

    /// Takes in what the host's automation did to params of the live patch, as plain values. Not a
    /// step of undo; the player has it already.
    pub fn automated<'v>(&self, values: impl IntoIterator<Item = (&'v ParamRef, f32)>) {
        let mut desk = self.shared.desk();
        for (param, plain) in values {
            desk.automated(param, plain);
        }
    }

    /// Throws the edits away: standby becomes what lives, as one step of undo.
    pub fn abort(&self) -> Changed {
        let mut desk = self.shared.desk();
        let live = desk.committed();
        desk.standby.return_to(&live)
    }

    /// Makes standby live. Returns at once; the ticket tells what becomes of it.
    ///
    /// While a commit is under way the next one waits, and a newer one takes its place.
    pub fn commit(&self) -> Ticket {
        let mut desk = self.shared.desk();
        let pending = Pending {
            patch: Arc::new(desk.standby.patch().clone()),
            ticket: Ticket::new(),
        };
        let ticket = pending.ticket.clone();
        if let Some(older) = desk.pending.replace(pending) {
            older.ticket.resolve(Outcome::Superseded);
        }
        if self.worker.is_none() {
            // The system gave no thread: nothing can be compiled in the background.
            desk.pending = None;
            ticket.resolve(Outcome::Closed);
        }
        drop(desk);
        self.shared.wake.notify_all();
        ticket
    }

    /// Replaces both sides by another patch, as one step of undo, and commits it. Waits until
    /// it is compiled, not for the audio: the player finds it before its next block.
    ///
    /// # Errors
    /// If the patch cannot play. Then nothing is changed.
    pub fn load(&self, patch: Patch) -> Result<Ticket, EditError> {
        self.edit(&[Edit::Load {
            patch: Box::new(patch),
        }])?;
        let ticket = self.commit();
        ticket.wait_until_sent(COMPILING);
        Ok(ticket)
    }

    /// Makes a player for the live patch at a sample rate, as the host starts its audio. Whatever
    /// played before is forgotten; patches, values, bindings and undo stay.
    pub fn activate(&self, sample_rate: f32) -> (Player, Receiver) {
        let mut desk = self.shared.desk();
        desk.unlink();
        // What was committed plays from the first block on. The worker will find it playing.
        if let Ok(playing) = Playing::of(desk.committed(), &self.shared.audience) {
            desk.live = playing;
        }
        let sample_rate = legal_rate(sample_rate);
        let player = Player::new(Box::new(desk.live.plan(sample_rate)));
        let (sender, receiver) = handover();
        desk.link = Some(Link {
            sender,
            sample_rate,
        });
        drop(desk);
        self.shared.wake.notify_all();
        (player, receiver)
    }

    /// The player is gone. Commits go on without sound.
    pub fn deactivate(&self) {
        self.shared.desk().unlink();
        self.shared.wake.notify_all();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.desk().closing = true;
        self.shared.wake.notify_all();
        if let Some(worker) = self.worker.take() {
            // A worker that panicked has nothing more to say.
            let _ = worker.join();
        }
    }
}

impl Desk {
    fn committed(&self) -> Arc<Patch> {
        let playing = self.under_way.as_ref().unwrap_or(&self.live);
        let pending = self
            .pending
            .as_ref()
            .or(self.at_work.as_ref())
            .map(|pending| &pending.patch);
        Arc::clone(pending.unwrap_or(&playing.patch))
    }

    fn unlink(&mut self) {
        self.link = None;
        self.generation += 1;
        // With no player to wait for, what was handed over lives.
        if let Some(playing) = self.under_way.take() {
            self.live = playing;
        }
    }

    /// Has values of modules that live sound at once.
    fn carry_values(&mut self, changed: &Changed) {
        for param in &changed.values {
            let standby = self.standby.patch();
            let Some(module) = standby.module(&param.module) else {
                continue;
            };
            let (key, Some(plain)) = (module.key(), standby.value(&param.module, &param.param))
            else {
                continue;
            };
            let in_live = self.live.set(key, &param.param, plain);
            let in_next = self
                .under_way
                .as_mut()
                .and_then(|next| next.set(key, &param.param, plain));
            for waiting in [&mut self.at_work, &mut self.pending].into_iter().flatten() {
                set_value(&mut waiting.patch, key, &param.param, plain);
            }
            if let (Some((index, spec)), Some(link)) = (in_live.or(in_next), &mut self.link)
                && !spec.setting
            {
                link.sender.turn(Turn {
                    module: key,
                    param: index,
                    normalized: spec.normalized(plain),
                });
            }
        }
    }

    fn automated(&mut self, param: &ParamRef, plain: f32) {
        let Some(key) = self
            .committed()
            .module(&param.module)
            .map(|module| module.key())
        else {
            return;
        };
        self.live.set(key, &param.param, plain);
        if let Some(next) = &mut self.under_way {
            next.set(key, &param.param, plain);
        }
        for waiting in [&mut self.at_work, &mut self.pending].into_iter().flatten() {
            set_value(&mut waiting.patch, key, &param.param, plain);
        }
        if let Some(id) = id_of(self.standby.patch(), key) {
            self.standby.set_value(&id, &param.param, plain);
        }
    }
}
