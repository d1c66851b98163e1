//! `cargo xtask soak`: a patch that plays while it is rewired again and again, and what that costs.

mod calm;
mod counting;
mod edge;
mod edits;
mod instruments;
mod random;
mod report;
mod stage;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use weft::engine::session::Session;
use weft::patch::{Edit, ParamRef, Patch, STEPS};

use self::random::Random;
use self::report::{Report, Times, roughest_step};
use self::stage::{BLOCK, LAG, ROUND, Sent, Stage};

/// Frames per second at the start and at the end.
const RATE: f32 = 48_000.0;
/// Other rates a host may change to.
const RATES: &[f32] = &[44_100.0, RATE, 88_200.0, RATE];
/// Commits from one change of the rate to the next.
const CHANGE: u64 = 200;
/// Commits from one whole patch of Weft's own to the next; the patch asked for comes back soon after.
const LOAD: u64 = 20;
/// Commits of the warm-up after the history is full, so that memory has been what it will be.
const WARM: u64 = 1500;
/// Share of the commits that come from the thread of the automation.
const ELSEWHERE: f32 = 0.1;
/// Even sound that is more abrupt than this, full scale = 1, clicks. What its own notes and modulation
/// do stays below a third of it; a cable of one instrument among thirty that is cut exceeds it.
const CLICK: f32 = 0.003;
/// The longest run in seconds.
const LONGEST: f64 = 24.0 * 3600.0;

/// How much to play.
#[derive(clap::Args)]
pub struct Args {
    /// Seconds of audio
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Commits while it plays
    #[arg(long, default_value_t = 100)]
    commits: u64,
    /// Modules in the patch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    modules: u32,
    /// Another seed makes other edits
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print figures for programs
    #[arg(long)]
    json: bool,
}

/// Soaks.
///
/// # Errors
/// The audio thread allocated or freed memory, commits clicked, or samples were no numbers.
pub fn run(args: &Args) -> Result<()> {
    if !counting::is_on() {
        bail!("only release builds count allocations; run `cargo xtask soak`");
    }
    if !(args.seconds > 0.0 && args.seconds <= LONGEST) {
        let seconds = args.seconds;
        bail!("--seconds must be above 0 and at most {LONGEST} (a day), and is {seconds}");
    }
    counting::keep_freed();
    let report = measure(args)?;
    if args.json {
        println!("{}", report.json());
    } else {
        println!("{report}");
    }
    if report.counted != (0, 0) {
        bail!("the audio thread allocated or freed memory; what runs there must do neither");
    }
    if report.calm.worst_step > CLICK {
        bail!("a commit clicks; cables and patches must fade into each other");
    }
    if report.nan > 0 {
        bail!("the sound holds values that are no numbers; this is a fault in a module");
    }
    Ok(())
}

fn measure(args: &Args) -> Result<Report> {
    let whole = instruments::ensemble(args.modules as usize)?;
    let session = Session::new(whole.clone());
    let (ticks, ticked) = sync_channel(LAG);
    let (send, sent) = sync_channel(1024);
    std::thread::scope(|scope| {
        let stage = Stage::new(&session, RATE, args.seed, ticks, sent);
        let rounds = args.seconds * f64::from(RATE) / (BLOCK as f64 * ROUND as f64);
        let share = args.commits as f32 * ELSEWHERE / rounds as f32;
        let random = Random::new(!args.seed);
        let session = &session;
        scope.spawn(move || automate(session, &ticked, &send, share, random));
        Soak {
            session,
            stage,
            factory: instruments::factory()?,
            whole,
            random: Random::new(args.seed.rotate_left(32)),
            serial: 0,
            acts: 0,
            refused: 0,
        }
        .run(args)
    })
}

/// Moves slots as a host's automation does, and commits now and then.
fn automate(
    session: &Session,
    ticked: &Receiver<()>,
    send: &SyncSender<Sent>,
    share: f32,
    mut random: Random,
) {
    while ticked.recv().is_ok() {
        let patch = session.committed();
        let moves: Vec<(u16, ParamRef, f32, f32)> = (0..4)
            .filter_map(|_| {
                let at = random.below(patch.slots.len());
                let (slot, bound) = patch.slots.iter().nth(at)?;
                let spec = patch.spec(&bound.module)?;
                let param = &spec.params[spec.param(&bound.param)?];
                let normalized = random.unit();
                Some((slot - 1, bound.clone(), normalized, param.plain(normalized)))
            })
            .collect();
        drop(patch);
        session.automated(moves.iter().map(|(_, bound, _, plain)| (bound, *plain)));
        for (slot, _, normalized, _) in moves {
            // A host whose queue is full loses a move, too.
            let _ = send.try_send(Sent::Slot { slot, normalized });
        }
        if random.chance(share) {
            let since = Instant::now();
            let ticket = session.commit();
            if send.send(Sent::Commit { ticket, since }).is_err() {
                return;
            }
        }
    }
}

/// A session, its audio, and the one who edits.
struct Soak<'s> {
    session: &'s Session,
    stage: Stage<'s>,
    whole: Patch,
    factory: Vec<Patch>,
    random: Random,
    serial: u32,
    acts: u64,
    refused: u64,
}

impl Soak<'_> {
    fn run(mut self, args: &Args) -> Result<Report> {
        let progress = match args.json {
            true => ProgressBar::hidden(),
            false => ProgressBar::new((args.seconds * 1e3) as u64),
        }
        .with_style(
            ProgressStyle::with_template("{msg} {wide_bar} {percent:>3} %, {eta} left")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        // What is kept of the blocks is in memory from the start.
        let blocks = (args.seconds * 88_200.0 / BLOCK as f64) as usize + 4096;
        let filler = stage::Block {
            micros: -1.0,
            worked: -1.0,
            step: -1.0,
            timing: stage::Timing::Late,
            mark: stage::Mark::Restarted,
        };
        let mut kept = std::hint::black_box(vec![filler; blocks]);
        self.stage.commits.milliseconds =
            std::hint::black_box(vec![-1.0; args.commits as usize * 4]);
        progress.set_message("warming up");
        progress.tick();
        self.warm_up();
        let (resident, held) = (self.settle()?, counting::held());

        self.stage.commits.done = 0;
        self.stage.commits.superseded = 0;
        self.stage.commits.failed = 0;
        self.stage.commits.milliseconds.clear();
        kept.clear();
        self.stage.blocks = kept;
        (self.refused, self.stage.nan, self.stage.seconds) = (0, 0, 0.0);
        self.stage.counting_late = 0;
        let counted_before = counting::counted();
        progress.set_message("soaking");
        let start = Instant::now();
        self.soak(args, &progress);
        let wall = start.elapsed().as_secs_f64();
        let audio = self.stage.seconds;
        let played = std::mem::take(&mut self.stage.blocks);
        let commits = std::mem::take(&mut self.stage.commits);
        self.stage.restart(RATE);
        let (resident_end, held_end) = (self.settle()?, counting::held());
        progress.set_message("listening");
        let fade = self.whole.transition.fade;
        let calm = calm::play(args.modules as usize, args.commits, args.seed, fade)?;
        progress.finish_and_clear();

        let counted = counting::counted();
        let megabytes = |bytes: i64| bytes as f64 / 1e6;
        Ok(Report {
            refused: self.refused,
            counted: (counted.0 - counted_before.0, counted.1 - counted_before.1),
            resident: [resident, resident_end],
            held: [megabytes(held), megabytes(held_end)],
            nan: self.stage.nan + calm.nan,
            blocks: Times::of(&played),
            calm,
            roughest_step: roughest_step(&played),
            seconds: [audio, wall],
            counting_late: self.stage.counting_late,
            commits,
        })
    }

    /// Fills the history and the heap: commits follow each other closely.
    fn warm_up(&mut self) {
        let mut more = WARM;
        while more > 0 {
            if self.session.steps().0 >= STEPS {
                more -= 1;
            }
            self.act();
            while self.stage.is_waiting() {
                self.stage.block();
            }
            self.stage.play(0.02);
        }
        self.stage.restart(RATE);
    }

    fn soak(&mut self, args: &Args, progress: &ProgressBar) {
        let mut next = 0.0;
        let asked = |stage: &Stage| stage.commits.done + stage.commits.superseded;
        while self.stage.seconds < args.seconds
            || asked(&self.stage) < args.commits
            || self.stage.is_waiting()
        {
            let left = args.commits.saturating_sub(asked(&self.stage));
            if left > 0 && self.stage.seconds >= next && !self.stage.is_waiting() {
                self.act();
                let each = (args.seconds - self.stage.seconds).max(0.0) / left as f64;
                next = self.stage.seconds + each * f64::from(0.5 + self.random.unit());
            }
            self.stage.block();
            progress.set_position((self.stage.seconds * 1e3) as u64);
        }
    }

    /// Brings the patch asked for back, fills the history with steps of one size, lets everything ring
    /// out, and gives the megabytes resident: whenever it is called, the same things are in memory, but
    /// for what nobody frees.
    fn settle(&mut self) -> Result<f64> {
        self.load(self.whole.clone());
        for step in 0..=STEPS {
            let edit = Edit::Move {
                module: "out".into(),
                position: (step as f32, 0.0),
            };
            self.session.edit(&[edit])?;
        }
        self.stage.commit();
        while self.stage.is_waiting() {
            self.stage.block();
        }
        self.stage.play(6.0);
        // Old plans are freed in the background.
        std::thread::sleep(Duration::from_millis(300));
        resident()
    }

    /// One thing that people do, and the commit.
    fn act(&mut self) {
        self.acts += 1;
        if self.acts.is_multiple_of(CHANGE) {
            let at = (self.acts / CHANGE) as usize % RATES.len();
            self.stage.restart(RATES[at]);
        }
        match self.acts % LOAD {
            10 => {
                let at = (self.acts / LOAD) as usize % self.factory.len();
                self.load(self.factory[at].clone());
            }
            13 => self.load(self.whole.clone()),
            _ => self.edit(),
        }
        self.stage.commit();
        if self.random.chance(0.05) {
            // Faster than anyone compiles.
            for _ in 0..3 {
                self.edit();
                self.stage.commit();
            }
        }
    }

    fn load(&mut self, patch: Patch) {
        let load = Edit::Load {
            patch: Box::new(patch),
        };
        self.refused += u64::from(self.session.edit(&[load]).is_err());
    }

    fn edit(&mut self) {
        match self.random.below(20) {
            0..=1 => {
                for _ in 0..=self.random.below(4) {
                    self.session.undo();
                }
            }
            2..=3 => {
                self.session.redo();
            }
            4 => {
                self.session.abort();
            }
            5..=6 => self.turn(),
            _ => {
                let patch = self.session.standby();
                let modules = self.whole.modules.len();
                let edits = edits::some(&patch, modules, &mut self.serial, &mut self.random);
                self.refused += u64::from(self.session.edit(&edits).is_err());
            }
        }
    }

    /// Turns a knob for a while.
    fn turn(&mut self) {
        let patch = self.session.standby();
        let at = self.random.below(patch.modules.len());
        let Some((module, spec)) = patch
            .modules
            .iter()
            .nth(at)
            .and_then(|(id, module)| Some((id, module.spec()?)))
        else {
            return;
        };
        let Some(param) = self.random.pick(spec.params) else {
            return;
        };
        self.session.begin_gesture();
        for _ in 0..5 {
            let edit = Edit::SetValue {
                module: module.into(),
                param: param.id.into(),
                plain: param.plain(self.random.unit()),
            };
            self.refused += u64::from(self.session.edit(&[edit]).is_err());
            self.stage.block();
        }
        self.session.end_gesture();
    }
}

/// Megabytes of this program in memory.
fn resident() -> Result<f64> {
    // In pages, which have 4 KiB where Weft is measured.
    let statm = std::fs::read_to_string("/proc/self/statm")
        .context("how much memory is in use is only known on Linux")?;
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok())
        .context("/proc/self/statm does not say how much memory is in use")?;
    Ok(pages * 4096.0 / 1e6)
}
