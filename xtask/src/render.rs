//! `cargo xtask render`: a patch to a WAV file, through the player that the plugin runs.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use weft::engine::{Event, EventKind, HostTransport, Load, LoadBoard, Player, compile};
use weft::patch::Patch;
use weft_modules::Voicing;

use crate::automation::{self, Automation, Setting};
use crate::loudness::Meter;
use crate::midi::{self, Score, Song};
use crate::wav;

/// What a patch plays where no MIDI file is given: a line, then a chord.
const PHRASE: &[u8] = include_bytes!("../../assets/midi/phrase.mid");
/// What an effect hears where no sound is given: this patch, playing the same notes.
const SOURCE: &str = include_str!("../../assets/patches/init.ron");
/// Seconds after the last note.
const TAIL: f64 = 2.0;
/// The longest sound, in seconds.
const LONGEST: f64 = 6.0 * 3600.0;

/// What to play and how.
#[derive(clap::Args)]
pub struct Args {
    /// The patch to play
    #[arg(value_name = "PATCH.ron")]
    patch: PathBuf,
    /// The file to write: 32-bit float, stereo
    #[arg(short, long, value_name = "OUT.wav")]
    output: PathBuf,
    /// The notes to play; without it, a line and a chord
    #[arg(long, value_name = "FILE.mid")]
    midi: Option<PathBuf>,
    /// The sound an effect hears; without it, a plain synthesizer playing the notes
    #[arg(long, value_name = "FILE.wav")]
    input: Option<PathBuf>,
    /// Length; without it, the music and two seconds more
    #[arg(long)]
    seconds: Option<f64>,
    /// Frames per second
    #[arg(long, value_name = "HZ", default_value_t = 48_000,
        value_parser = clap::value_parser!(u32).range(8_000..=384_000))]
    rate: u32,
    /// Frames in a block. The sound is the same, to the bit, whatever the block size
    #[arg(long, value_name = "FRAMES", default_value_t = 512,
        value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    block: u32,
    /// Quarter notes a minute, in place of the music's own tempo
    #[arg(long, value_name = "BPM", value_parser = midi::parse_tempo)]
    tempo: Option<f64>,
    /// A value such as `filter.cutoff=800 Hz`, or a ramp of seconds and values such as
    /// `filter.cutoff=0:200,2:8000`; may be given many times
    #[arg(long = "param", value_name = "MODULE.PARAM=VALUE")]
    params: Vec<Setting>,
    /// Print what each module costs, dearest first
    #[arg(long)]
    cpu: bool,
}

/// Renders.
///
/// # Errors
/// What cannot be read, does not exist in the patch, or does not compile.
pub fn run(args: &Args) -> Result<()> {
    let song = match &args.midi {
        Some(path) => Song::load(path, args.tempo)?,
        None => Song::parse(PHRASE, args.tempo)?,
    };
    let seconds = args.seconds.unwrap_or(song.seconds() + TAIL);
    if !(seconds > 0.0 && seconds <= LONGEST) {
        bail!("--seconds must be above 0 and at most {LONGEST} (six hours), and is {seconds}");
    }
    let frames = (seconds * f64::from(args.rate)).round().max(1.0) as u64;

    let mut patch = load(&args.patch)?;
    let automation = automation::apply(&args.params, &mut patch, args.rate)?;
    let mut performer = Performer::new(&patch, song.score(args.rate), automation, args.rate)?;
    let mut watch = args.cpu.then(|| performer.loads.watch());
    let mut source = Source::new(&patch, args, &song)?;
    let mut file = wav::Writer::create(&args.output, args.rate, frames)?;
    let mut meter = Meter::new(args.rate)?;

    let progress = ProgressBar::new(frames).with_style(
        ProgressStyle::with_template("rendering {wide_bar} {percent:>3} %, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let start = Instant::now();
    let block = args.block as usize;
    let mut sound = [vec![0.0; block], vec![0.0; block]];
    let mut heard = [vec![0.0; block], vec![0.0; block]];
    let mut frame = 0u64;
    while frame < frames {
        let count = (frames - frame).min(block as u64) as usize;
        let [left, right] = &mut heard;
        source.play(frame, &mut left[..count], &mut right[..count]);
        let inputs = [&heard[0][..count], &heard[1][..count]];
        let [left, right] = &mut sound;
        performer.play(frame, inputs, &mut left[..count], &mut right[..count]);
        file.write(&left[..count], &right[..count])?;
        meter.add(&left[..count], &right[..count])?;
        frame += count as u64;
        progress.set_position(frame);
    }
    file.finish()?;
    progress.finish_and_clear();

    let loudness = meter.read();
    println!(
        "{}: \"{}\", {seconds:.1} s at {} Hz, {loudness}, {:.0} times faster than it plays",
        args.output.display(),
        patch.name,
        args.rate,
        seconds / start.elapsed().as_secs_f64().max(1e-6)
    );
    if let Some(watch) = &mut watch {
        print!("{}", table(&patch, watch.look(&performer.loads)));
    }
    if !loudness.finite {
        bail!("the sound holds values that are no numbers; this is a fault in a module");
    }
    if loudness.is_silent() {
        eprintln!(
            "note: the sound is silent. Does a cable reach \"left\" and \"right\" of an audio-out?"
        );
    }
    Ok(())
}

/// What modules cost, dearest first.
fn table(patch: &Patch, mut loads: Vec<Load>) -> String {
    if loads.is_empty() {
        return "too short to measure what modules cost\n".into();
    }
    loads.sort_by(|a, b| b.nanoseconds.total_cmp(&a.nanoseconds));
    let longest = loads.iter().map(|load| load.module.chars().count()).max();
    let wide = longest.unwrap_or(0).max("together".len());
    let line = |module: &str, nanoseconds: f64, share: f64, kind: &str| {
        let percent = share * 100.0;
        let line = format!("{module:wide$} {nanoseconds:12.2} {percent:12.3}  {kind}");
        format!("{}\n", line.trim_end())
    };
    let mut table = format!(
        "{:wide$} {:>12} {:>12}  type\n",
        "module", "ns a frame", "% of a core"
    );
    for load in &loads {
        let kind = patch.module(&load.module).map_or("", |module| &module.kind);
        table += &line(&load.module, load.nanoseconds, load.share, kind);
    }
    let sum = |of: fn(&Load) -> f64| loads.iter().map(of).sum();
    table += &line(
        "together",
        sum(|load| load.nanoseconds),
        sum(|load| load.share),
        "",
    );
    table
}

/// Reads a patch and tells what had to be repaired.
pub fn load(path: &Path) -> Result<Patch> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (patch, notes) =
        Patch::from_ron(&text).with_context(|| format!("cannot load {}", path.display()))?;
    for note in notes {
        eprintln!("note: {note}");
    }
    Ok(patch)
}

/// A player with the notes, ramps and tempo it plays.
struct Performer {
    player: Player,
    loads: LoadBoard,
    score: Score,
    next_message: usize,
    automation: Automation,
    next_value: usize,
    events: Vec<Event>,
}

impl Performer {
    fn new(patch: &Patch, score: Score, automation: Automation, rate: u32) -> Result<Performer> {
        let plan = compile(patch, rate as f32)
            .with_context(|| format!("\"{}\" cannot play", patch.name))?;
        Ok(Performer {
            loads: plan.loads(),
            player: Player::new(Box::new(plan)),
            score,
            next_message: 0,
            automation,
            next_value: 0,
            events: Vec::new(),
        })
    }

    /// Plays the frames from `frame` on; calls must follow each other without a gap.
    fn play(&mut self, frame: u64, inputs: [&[f32]; 2], left: &mut [f32], right: &mut [f32]) {
        let end = frame + left.len() as u64;
        let mut from = frame;
        while from < end {
            // A player knows one tempo for each call.
            let to = self
                .score
                .next_change(from)
                .map_or(end, |change| change.min(end));
            let range = (from - frame) as usize..(to - frame) as usize;
            let (tempo, beat) = self.score.at(from);
            let transport = HostTransport {
                playing: true,
                tempo,
                beat: Some(beat),
            };
            self.collect(from, to);
            self.player.process(
                &transport,
                [part(inputs[0], &range), part(inputs[1], &range), &[], &[]],
                [&mut left[range.clone()], &mut right[range]],
                &self.events,
            );
            from = to;
        }
    }

    /// Gathers what happens from one frame to before another, ramps before notes.
    fn collect(&mut self, from: u64, to: u64) {
        self.events.clear();
        while let Some((frame, slot, normalized)) = self.automation.get(self.next_value).copied()
            && frame < to
        {
            self.next_value += 1;
            let kind = EventKind::Slot { slot, normalized };
            self.events.push(Event {
                frame: (frame - from) as u32,
                kind,
            });
        }
        while let Some((frame, message)) = self.score.messages.get(self.next_message).copied()
            && frame < to
        {
            self.next_message += 1;
            let frame = (frame - from) as u32;
            self.events
                .extend(midi::note_event(message, frame).map(|event| Event {
                    frame,
                    kind: EventKind::Note(event),
                }));
        }
        self.events.sort_by_key(|event| event.frame);
    }
}

/// The frames of a range; a signal that is shorter ends in silence.
fn part<'a>(signal: &'a [f32], range: &Range<usize>) -> &'a [f32] {
    signal.get(range.clone()).unwrap_or(&[])
}

/// What the patch hears from its track.
enum Source {
    Silence,
    File([Vec<f32>; 2]),
    Synthesizer(Box<Performer>),
}

impl Source {
    fn new(patch: &Patch, args: &Args, song: &Song) -> Result<Source> {
        if let Some(path) = &args.input {
            return Ok(Source::File(wav::read(path, args.rate)?));
        }
        let listens = patch.modules.iter().any(|(id, _)| {
            patch
                .spec(id)
                .is_some_and(|spec| matches!(spec.voicing, Voicing::HostInput))
        });
        if !listens {
            return Ok(Source::Silence);
        }
        let (patch, _) = Patch::from_ron(SOURCE).context("the source patch does not load")?;
        let score = song.score(args.rate);
        let performer = Performer::new(&patch, score, Automation::new(), args.rate)?;
        Ok(Source::Synthesizer(Box::new(performer)))
    }

    fn play(&mut self, frame: u64, left: &mut [f32], right: &mut [f32]) {
        match self {
            Source::Silence => {}
            Source::Synthesizer(performer) => performer.play(frame, [&[], &[]], left, right),
            Source::File(sides) => {
                for (output, side) in [left, right].into_iter().zip(sides) {
                    for (at, sample) in output.iter_mut().enumerate() {
                        *sample = side.get(frame as usize + at).copied().unwrap_or(0.0);
                    }
                }
            }
        }
    }
}
