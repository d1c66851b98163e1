//! The host's musical time, made continuous.

use weft_modules::Transport;

/// What the host says about time at the start of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostTransport {
    /// Whether it plays.
    pub playing: bool,
    /// Quarter notes per minute. Values outside 1 to 960 are brought into that range.
    pub tempo: f64,
    /// Quarter notes since the start of the song, if the host knows.
    pub beat: Option<f64>,
}

impl Default for HostTransport {
    fn default() -> Self {
        HostTransport {
            playing: false,
            tempo: 120.0,
            beat: None,
        }
    }
}

/// Quarter notes the host may be off our own count before we follow it: far more than the rounding
/// of any host, far less than any jump.
const TOLERANCE: f64 = 1e-3;

/// Follows the host's time.
///
/// Between jumps the beat is computed from one anchor and the count of frames, so it is the same
/// however the host cuts its blocks.
pub(super) struct Clock {
    now: Transport,
    sample_rate: f64,
}

impl Clock {
    pub(super) fn new(sample_rate: f32) -> Clock {
        let sample_rate = f64::from(sample_rate);
        let tempo = HostTransport::default().tempo;
        Clock {
            now: Transport {
                playing: false,
                tempo,
                anchor_frame: 0,
                anchor_beat: 0.0,
                beats_per_frame: tempo / 60.0 / sample_rate,
            },
            sample_rate,
        }
    }

    /// Musical time as it is.
    pub(super) fn now(&self) -> Transport {
        self.now
    }

    /// Takes in what the host says at an absolute frame.
    pub(super) fn follow(&mut self, host: &HostTransport, frame: u64) {
        let tempo = if host.tempo.is_finite() {
            host.tempo.clamp(1.0, 960.0)
        } else {
            self.now.tempo
        };
        let expected = self.now.beat_at(frame);
        let told = host
            .beat
            .filter(|beat| host.playing && beat.is_finite() && beat.abs() < 1e9);
        let jumped = told.is_some_and(|beat| (beat - expected).abs() > TOLERANCE);
        if jumped || tempo != self.now.tempo {
            self.now.anchor_frame = frame;
            self.now.anchor_beat = told.unwrap_or(expected);
            self.now.tempo = tempo;
            self.now.beats_per_frame = tempo / 60.0 / self.sample_rate;
        }
        // What was just written in part is slow to read as a whole, and it is handed on whole.
        if self.now.playing != host.playing {
            self.now.playing = host.playing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beat_does_not_depend_on_how_the_host_cuts() {
        let beats = |block: u64| {
            let mut clock = Clock::new(44_100.0);
            let mut beats = Vec::new();
            for frame in (0..20_000).step_by(block as usize) {
                // Hosts round in their own ways.
                let beat = (frame as f64 / 44_100.0) * 133.0 / 60.0;
                clock.follow(
                    &HostTransport {
                        playing: true,
                        tempo: 133.0,
                        beat: Some(beat),
                    },
                    frame,
                );
                let now = clock.now();
                beats.extend((frame..frame + block).map(|frame| now.beat_at(frame).to_bits()));
            }
            beats.truncate(19_000);
            beats
        };
        assert!(beats(64) == beats(100) && beats(64) == beats(4096));
    }

    #[test]
    fn jumps_tempo_changes_and_standing_still() {
        let mut clock = Clock::new(48_000.0);
        clock.follow(
            &HostTransport {
                playing: true,
                tempo: 120.0,
                beat: Some(8.0),
            },
            0,
        );
        assert_eq!(clock.now.beat_at(24_000), 9.0);
        clock.follow(
            &HostTransport {
                playing: true,
                tempo: 60.0,
                beat: Some(9.0),
            },
            24_000,
        );
        assert_eq!(clock.now.beat_at(72_000), 10.0);
        clock.follow(
            &HostTransport {
                playing: false,
                tempo: 60.0,
                beat: Some(0.0),
            },
            72_000,
        );
        assert_eq!(
            clock.now.beat_at(120_000),
            11.0,
            "a standing transport lets clocks run on"
        );
        clock.follow(
            &HostTransport {
                playing: true,
                tempo: f64::NAN,
                beat: Some(f64::INFINITY),
            },
            120_000,
        );
        assert_eq!(clock.now.beat_at(168_000), 12.0, "nonsense is ignored");
    }
}
